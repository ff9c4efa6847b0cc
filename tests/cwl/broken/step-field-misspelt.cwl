cwlVersion: v1.2
class: Workflow
inputs:
  message: string
outputs:
  out:
    type: File
    outputSource: say/out
steps:
  say:
    run: parts/echo.cwl
    in:
      message:
        sorce: message
    out: [out]

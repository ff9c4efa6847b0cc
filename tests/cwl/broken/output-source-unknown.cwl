cwlVersion: v1.2
class: Workflow
inputs:
  message: string
outputs:
  result:
    type: File
    outputSource: say/output
steps:
  say:
    run: parts/echo.cwl
    in: {message: message}
    out: [out]

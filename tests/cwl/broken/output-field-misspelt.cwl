cwlVersion: v1.2
class: Workflow
inputs:
  message: string
outputs:
  out:
    type: File
    outputSourse: say/out
steps:
  say:
    run: parts/echo.cwl
    in: {message: message}
    out: [out]

cwlVersion: v1.2
class: Workflow
inputs:
  message: string
outputs: {}
steps:
  say:
    run: parts/echo.cwl
    inputs: {message: message}
    out: [out]

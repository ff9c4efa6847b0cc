cwlVersion: v1.2
class: Workflow
inputs:
  message: string
outputs: []
steps:
  say:
    run: https://example.org/echo.cwl
    in: {message: message}
    out: [out]

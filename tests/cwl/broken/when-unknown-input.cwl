cwlVersion: v1.2
class: Workflow
inputs:
  message: string
  go: boolean
outputs: {}
steps:
  say:
    run: parts/echo.cwl
    when: $(inputs.go)
    in:
      message: message
    out: [out]

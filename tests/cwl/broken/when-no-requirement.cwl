cwlVersion: v1.2
class: Workflow
inputs:
  message: string
  count: int
outputs: []
steps:
  say:
    run: parts/echo.cwl
    when: $(inputs.times > 1)
    in:
      message: message
      times: count
    out: [out]

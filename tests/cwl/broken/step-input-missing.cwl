cwlVersion: v1.2
class: Workflow
inputs:
  count: int
outputs: []
steps:
  say:
    run: parts/echo.cwl
    in:
      times: count
    out: [out]

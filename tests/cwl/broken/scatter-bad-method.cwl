cwlVersion: v1.2
class: Workflow
requirements:
  ScatterFeatureRequirement: {}
inputs:
  messages: string[]
  counts: int[]
outputs: []
steps:
  say:
    run: parts/echo.cwl
    scatter: [message, times]
    scatterMethod: dot_product
    in:
      message: messages
      times: counts
    out: [out]

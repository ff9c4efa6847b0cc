cwlVersion: v1.2
class: Workflow
requirements:
  ScatterFeatureRequirement: {}
inputs:
  message: string
outputs: []
steps:
  say:
    run: parts/echo.cwl
    scatter: message
    in:
      message: message
    out: [out]

cwlVersion: v1.2
class: Workflow
requirements:
  ScatterFeatureRequirement: {}
inputs:
  messages: string[]
outputs: []
steps:
  say:
    run: parts/echo.cwl
    scatter: mesage
    in: {message: messages}
    out: [out]

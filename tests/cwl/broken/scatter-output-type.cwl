cwlVersion: v1.2
class: Workflow
requirements:
  ScatterFeatureRequirement: {}
inputs:
  messages: string[]
outputs:
  texts:
    type: File
    outputSource: say/out
steps:
  say:
    run: parts/echo.cwl
    scatter: message
    in:
      message: messages
    out: [out]

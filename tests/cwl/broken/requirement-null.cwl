cwlVersion: v1.2
class: Workflow
requirements:
  ScatterFeatureRequirement:
inputs: {}
outputs: {}
steps: {}

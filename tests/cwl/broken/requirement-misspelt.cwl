cwlVersion: v1.2
class: Workflow
requirements:
  ScatterFeatureRequirment: {}
inputs: []
outputs: []
steps: []

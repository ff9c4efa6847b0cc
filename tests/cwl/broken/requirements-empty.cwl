cwlVersion: v1.2
class: Workflow
requirements:
inputs: []
outputs: []
steps: []

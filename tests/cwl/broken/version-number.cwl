cwlVersion: 1.2
class: Workflow
inputs: {}
outputs: {}
steps: {}

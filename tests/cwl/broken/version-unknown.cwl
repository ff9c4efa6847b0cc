cwlVersion: v1.4
class: Workflow
inputs: {}
outputs: {}
steps: {}

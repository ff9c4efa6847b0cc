cwlVersion: v1.3.0-dev1
class: Workflow
inputs: {}
outputs: {}
steps: {}

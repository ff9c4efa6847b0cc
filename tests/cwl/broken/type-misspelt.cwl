cwlVersion: v1.2
class: Workflow
inputs:
  image: file
outputs: {}
steps: {}

cwlVersion: v1.2
class: Worflow
inputs: {}
outputs: {}
steps: {}

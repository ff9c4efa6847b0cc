cwlVersion: draft-2
class: Workflow
inputs: []
outputs: []
steps: []

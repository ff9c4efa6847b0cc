cwlVersion: v1.2
class: Workflow
inputs:
  - id: message
    type: string
  - id: message
    type: int
outputs: []
steps: []

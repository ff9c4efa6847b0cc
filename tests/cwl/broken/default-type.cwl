cwlVersion: v1.2
class: Workflow
inputs:
  count:
    type: int
    default: many
outputs: []
steps: []

cwlVersion: v1.2
class: Workflow
inputs: {number: int}
outputs:
  number: {type: int, outputSource: number}
steps: []

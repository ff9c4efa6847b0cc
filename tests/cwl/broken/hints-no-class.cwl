cwlVersion: v1.0
class: CommandLineTool
baseCommand: echo
hints:
  - coresMin: 2
inputs: []
outputs: []

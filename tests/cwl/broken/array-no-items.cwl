cwlVersion: v1.2
class: CommandLineTool
baseCommand: echo
inputs:
  names:
    type: array
outputs: []

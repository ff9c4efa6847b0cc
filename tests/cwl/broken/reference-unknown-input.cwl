cwlVersion: v1.2
class: CommandLineTool
baseCommand: echo
inputs:
  message: string
arguments:
  - $(inputs.mesage)
outputs: []

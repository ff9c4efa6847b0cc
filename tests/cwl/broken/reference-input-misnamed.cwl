cwlVersion: v1.2
class: CommandLineTool
baseCommand: echo
inputs:
  message: string
arguments: [$(input.message)]
outputs: {}

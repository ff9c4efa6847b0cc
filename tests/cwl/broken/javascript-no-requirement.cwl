cwlVersion: v1.2
class: CommandLineTool
baseCommand: echo
inputs:
  message: string
arguments:
  - ${ return inputs.message + "!"; }
outputs: []

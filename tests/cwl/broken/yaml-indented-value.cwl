cwlVersion: v1.2
class: CommandLineTool
baseCommand: echo
inputs:
  message: string
    doc: what to say
outputs: {}

cwlVersion: v1.2
class: CommandLineTool
baseCommand: echo
inputs:
  messages: string[]
arguments: [{valueFrom: $(inputs.messages[0])}]
outputs: {}

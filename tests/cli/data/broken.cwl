cwlVersion: v1.2
class: CommandLineTool
baseCommand: echo
inputs:
  text: {type: sting}
outputs: {}

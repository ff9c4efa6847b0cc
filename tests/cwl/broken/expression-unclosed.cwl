cwlVersion: v1.2
class: CommandLineTool
baseCommand: echo
requirements:
  InlineJavascriptRequirement: {}
inputs:
  count: int
arguments:
  - "$(inputs.count"
outputs: []

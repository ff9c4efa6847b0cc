cwlVersion: v1.2
class: CommandLineTool
label: Tool: says something
baseCommand: echo
inputs: {}
outputs: {}

cwlVersion: v1.2
class: CommandLineTool
baseCommand: echo
label: 'it's a tool'
inputs: {}
outputs: {}

cwlVersion: v1.2
class: CommandLineTool
baseCommand: echo
label: "says something
inputs: {}
outputs: {}

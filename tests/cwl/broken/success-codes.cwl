cwlVersion: v1.2
class: CommandLineTool
baseCommand: echo
successCodes: 0
inputs: []
outputs: []

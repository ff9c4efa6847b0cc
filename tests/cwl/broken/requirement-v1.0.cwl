cwlVersion: v1.0
class: CommandLineTool
baseCommand: echo
requirements:
  NetworkAccess:
    networkAccess: true
inputs: {}
outputs: {}

cwlVersion: v1.2
class: CommandLineTool
baseCommand: {{ command }}
inputs: {}
outputs: {}

cwlVersion: v1.2
class: CommandLineTool
baseCommand: echo
requirements:
  SchemaDefRequirement:
    types:
      - {name: names, type: array, items: string}
inputs:
  all: "#names"
outputs: {}

cwlVersion: v1.2
class: CommandLineTool
baseCommand: echo
requirements:
  SchemaDefRequirement:
    types:
      - $import: parts/echo.cwl
        name: mine
inputs: {}
outputs: {}

cwlVersion: v1.2
class: CommandLineTool
requirements:
  SchemaDefRequirement:
    types: [{$import: types.yml}]
baseCommand: "true"
inputs:
  period:
    type: types.yml#period
    doc: [From when, to when.]
  several: types.yml#period[]
  file: {type: File, default: {class: File, location: data.txt}}
outputs: []

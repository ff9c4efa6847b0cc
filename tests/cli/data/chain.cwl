cwlVersion: v1.2
class: Workflow
label: A chain
requirements:
  ScatterFeatureRequirement: {}
  SubworkflowFeatureRequirement: {}
hints:
  ResourceRequirement: {coresMin: 2}
inputs:
  files:
    type: File[]
    doc: |
      What to copy.
      One file each.
  count: {type: int, default: 3, label: How often}
  mode: {type: {type: enum, symbols: [fast, exact]}}
  note: string?
  reference: {type: File, default: {class: File, location: data/reference.txt}}
outputs:
  copies: {type: 'File[]', outputSource: each/copy}
steps:
  each:
    scatter: file
    in: {file: files}
    out: [copy]
    run: tool.cwl
  again:
    in: {file: reference}
    out: [copy]
    run: inner.cwl

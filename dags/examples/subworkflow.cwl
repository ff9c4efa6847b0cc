cwlVersion: v1.2
class: Workflow
label: Subworkflow
doc: |
  A step may run a whole workflow, here once for each word; that workflow has a subworkflow of its own.
  In the DAG a subworkflow is a task group. The files that are used by `run:` do not become DAGs themselves:
  `tools/measure.cwl` is a workflow too, but only a part of this one.
requirements:
  ScatterFeatureRequirement: {}
  SubworkflowFeatureRequirement: {}
inputs:
  words:
    type: string[]
    label: Words
    doc: Words to measure.
    default: [orbit, pass, swath]
steps:
  measure:
    label: Measure
    doc: A workflow of two steps for each word, one of them a workflow again.
    run: tools/measure.cwl
    scatter: word
    in:
      word: words
    out: [sentence]
outputs:
  sentences:
    label: Sentences
    doc: One sentence for each word.
    type: string[]
    outputSource: measure/sentence

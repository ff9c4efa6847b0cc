cwlVersion: v1.2
class: Workflow
inputs: {}
outputs: {}
steps:
  say:
    run: graph-no-main.cwl#secnd
    in: {}
    out: []

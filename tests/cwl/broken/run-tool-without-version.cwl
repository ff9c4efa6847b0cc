cwlVersion: v1.2
class: Workflow
inputs: {}
outputs: {}
steps:
  say:
    run: no-version.cwl
    in: {}
    out: []

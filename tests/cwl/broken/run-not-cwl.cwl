cwlVersion: v1.2
class: Workflow
inputs: {}
outputs: {}
steps:
  say:
    run: parts/notes.txt
    in: {}
    out: []

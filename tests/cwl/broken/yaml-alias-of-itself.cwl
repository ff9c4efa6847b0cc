cwlVersion: v1.2
class: Workflow
inputs: {}
outputs: {}
steps: &steps
  again:
    run: {class: Workflow, inputs: {}, outputs: {}, steps: *steps}
    in: {}
    out: []

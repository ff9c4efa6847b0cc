cwlVersion: v1.2
class: Workflow
inputs: []
outputs: []
steps:
  first:
    run: &copy
      class: ExpressionTool
      inputs: {x: Any}
      outputs: {y: Any}
      expression: $(inputs)
    in:
      x: second/y
    out: [y]
  second:
    run: *copy
    in:
      x: first/y
    out: [y]

cwlVersion: v1.3.0-dev1
class: Workflow
requirements:
  InlineJavascriptRequirement: {}
inputs:
  x: int
outputs: []
steps:
  add:
    run:
      class: ExpressionTool
      inputs: {x: int}
      outputs: {x: int}
      expression: '${ return {"x": inputs.x + 1}; }'
    in: {x: x}
    out: [x]
    loop: {x: x}
    outputMethod: last_iteration

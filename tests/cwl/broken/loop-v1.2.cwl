cwlVersion: v1.2
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
      expression: ${ return {"x":inputs.x + 1}; }
    in: {x: x}
    out: [x]
    when: $(inputs.x < 9)
    loop: {x: x}
    outputMethod: last_iteration

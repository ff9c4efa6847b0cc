cwlVersion: v1.2
class: ExpressionTool
requirements:
  InlineJavascriptRequirement: {}
inputs:
  count: int
outputs:
  double: int
expression: |
  ${
    var n = inputs.count * 2;
    return {"double": n;
  }

cwlVersion: v1.2
class: ExpressionTool
requirements:
  InlineJavascriptRequirement:
    expressionLib:
      - |
        function twice(x) {
          return 2 * x;
inputs:
  count: int
outputs:
  double: int
expression: |
  ${ return {"double": twice(inputs.count)}; }

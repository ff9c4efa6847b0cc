cwlVersion: v1.2
class: ExpressionTool
requirements:
  InlineJavascriptRequirement: {}
inputs: {}
outputs:
  count: int
expression: ${ return {count: 1}; }

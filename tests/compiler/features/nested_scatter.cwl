cwlVersion: v1.2
class: Workflow
requirements: {InlineJavascriptRequirement: {}, StepInputExpressionRequirement: {}, ScatterFeatureRequirement: {}, SubworkflowFeatureRequirement: {}}
inputs:
  lists: {type: {type: array, items: {type: array, items: string}}}
outputs:
  said: {type: {type: array, items: {type: array, items: File}}, outputSource: each/said}
steps:
  each:
    run: inner_scatter.cwl
    scatter: words
    in: {words: lists}
    out: [said]
  after:
    run: echo.cwl
    in: {upper: {source: each/said, valueFrom: "$(true)"}}
    out: [said]


cwlVersion: v1.2
class: Workflow
label: Say twice
inputs: {word: string}
outputs:
  said: {type: File, outputSource: again/said}
steps:
  once:
    run: echo.cwl
    in: {word: word}
    out: [said]
  again:
    run: echo.cwl
    in:
      word: word
      upper: {source: once/said, valueFrom: "$(true)"}
    out: [said]
requirements: {InlineJavascriptRequirement: {}, StepInputExpressionRequirement: {}}

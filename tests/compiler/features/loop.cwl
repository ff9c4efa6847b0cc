cwlVersion: v1.3.0-dev1
class: Workflow
requirements: {InlineJavascriptRequirement: {}}
inputs: {start: int}
outputs:
  end: {type: int, outputSource: count/next}
steps:
  count:
    run:
      class: ExpressionTool
      inputs: {value: int}
      outputs: {next: int}
      expression: "$({next: inputs.value + 1})"
    in: {value: start}
    out: [next]
    when: $(inputs.value < 5)
    loop: {value: next}
    outputMethod: last_iteration

cwlVersion: v1.2
class: Workflow
requirements: {MultipleInputFeatureRequirement: {}, InlineJavascriptRequirement: {}}
inputs: {left: {type: boolean, default: false}}
outputs:
  file: {type: File, outputSource: [a/said, b/said], pickValue: the_only_non_null}
steps:
  a:
    when: $(inputs.left)
    in: {left: left, text: {default: a}}
    out: [said]
    run:
      class: CommandLineTool
      baseCommand: echo
      inputs: {text: {type: string, inputBinding: {}}}
      outputs: {said: {type: stdout}}
  b:
    when: $(!inputs.left)
    in: {left: left, text: {default: b}}
    out: [said]
    run:
      class: CommandLineTool
      baseCommand: echo
      inputs: {text: {type: string, inputBinding: {}}}
      outputs: {said: {type: stdout}}

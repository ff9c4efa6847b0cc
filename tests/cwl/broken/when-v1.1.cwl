cwlVersion: v1.1
class: Workflow
requirements:
  InlineJavascriptRequirement: {}
inputs:
  message: string
outputs: []
steps:
  say:
    when: $(inputs.message != "")
    run:
      class: CommandLineTool
      baseCommand: echo
      inputs: {message: string}
      outputs: []
    in: {message: message}
    out: []

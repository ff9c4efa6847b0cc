cwlVersion: v1.2
class: Workflow
inputs:
  word: string
outputs:
  result: {type: File, outputSource: last/said}
steps:
  last:
    run: echo.cwl
    doc: Says it again.
    in: {word: middle/text}
    out: [said]
  middle:
    label: Read it
    run:
      class: ExpressionTool
      requirements: {InlineJavascriptRequirement: {}}
      inputs: {file: {type: File, loadContents: true}}
      outputs: {text: string}
      expression: "$({text: inputs.file.contents})"
    in: {file: first/said}
    out: [text]
  first:
    run: echo.cwl
    in: {word: word}
    out: [said]
requirements: {InlineJavascriptRequirement: {}}

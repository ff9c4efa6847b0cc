cwlVersion: v1.2
class: CommandLineTool
label: Make a name
doc: Joins two values with an underscore.
requirements:
  InlineJavascriptRequirement: {}
baseCommand: [printf, "%s_%s"]
inputs:
  left:
    type: [int, string]
    label: Left
    doc: First part of the name.
    inputBinding: {position: 1}
  right:
    type: [int, string]
    label: Right
    doc: Second part of the name.
    inputBinding: {position: 2}
stdout: name.txt
outputs:
  name:
    type: string
    label: Name
    doc: Both parts with an underscore between them.
    outputBinding:
      glob: name.txt
      loadContents: true
      outputEval: $(self[0].contents)

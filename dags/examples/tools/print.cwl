cwlVersion: v1.2
class: CommandLineTool
label: Print
doc: Prints a text.
requirements:
  InlineJavascriptRequirement: {}
baseCommand: [printf, "%s"]
inputs:
  text:
    type: string
    label: Text
    doc: What is printed.
    inputBinding: {position: 1}
stdout: printed.txt
outputs:
  printed:
    type: string
    label: Printed
    doc: The same text.
    outputBinding:
      glob: printed.txt
      loadContents: true
      outputEval: $(self[0].contents)

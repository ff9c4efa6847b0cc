cwlVersion: v1.2
class: Workflow
inputs:
  one: File
  two: File
outputs: []
steps:
  join:
    run:
      class: CommandLineTool
      baseCommand: cat
      inputs:
        texts: {type: "File[]", inputBinding: {}}
      outputs: []
    in:
      texts: {source: [one, two]}
    out: []

cwlVersion: v1.2
class: CommandLineTool
baseCommand: touch
inputs: {}
outputs:
  texts:
    type: File[]
    outputBinding:
      glob: *.txt

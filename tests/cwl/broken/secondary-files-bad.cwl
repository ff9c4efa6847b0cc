cwlVersion: v1.2
class: CommandLineTool
baseCommand: echo
inputs:
  bam:
    type: File
    secondaryFiles:
      - patern: .bai
outputs: []

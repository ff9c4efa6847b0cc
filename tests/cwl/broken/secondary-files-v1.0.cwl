cwlVersion: v1.0
class: CommandLineTool
baseCommand: echo
inputs:
  bam:
    type: File
    secondaryFiles:
      - {pattern: .bai}
outputs: {}

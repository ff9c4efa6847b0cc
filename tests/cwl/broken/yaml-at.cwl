cwlVersion: v1.2
class: CommandLineTool
baseCommand: cat
arguments:
  - @list.txt
inputs: {}
outputs: {}

cwlVersion: v1.2
class: CommandLineTool
baseCommand: [sh, -c, 'cat "$0" > copy.txt']
inputs:
  file: {type: File, inputBinding: {}}
outputs:
  copy: {type: File, outputBinding: {glob: copy.txt}}

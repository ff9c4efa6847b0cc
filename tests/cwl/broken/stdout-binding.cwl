cwlVersion: v1.2
class: CommandLineTool
baseCommand: echo
inputs: []
outputs:
  out:
    type: stdout
    outputBinding: {glob: out.txt}

cwlVersion: v1.2
class: CommandLineTool
baseCommand: echo
inputs:
  message:
    type: string
    inputBinding: {position: 1}
  times: int?
outputs:
  out: stdout
stdout: out.txt

cwlVersion: v1.2
class: CommandLineTool
baseCommand: echo
inputs:
  mode:
    type:
      type: enum
      names: [fast, slow]
outputs: []

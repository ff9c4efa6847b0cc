cwlVersion: v1.2
class: CommandLineTool
label: Print a word
doc: |
  Prints a word.
  Nothing else.
requirements:
  ResourceRequirement: {coresMin: 2, ramMin: 512}
  ToolTimeLimit: {timelimit: 60}
baseCommand: echo
inputs:
  word: {type: string, default: hello, label: The word, inputBinding: {position: 1}}
  upper: boolean?
outputs:
  said: {type: stdout}

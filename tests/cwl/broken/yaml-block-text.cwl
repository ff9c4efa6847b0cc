cwlVersion: v1.2
class: CommandLineTool
baseCommand: echo
doc: | Says something.
inputs: {}
outputs: {}

cwlVersion: v1.2
$graph:
  - id: first
    class: CommandLineTool
    baseCommand: echo
    inputs: []
    outputs: []
  - id: second
    class: CommandLineTool
    baseCommand: echo
    inputs: []
    outputs: []

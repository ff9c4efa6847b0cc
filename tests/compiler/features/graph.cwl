cwlVersion: v1.2
$graph:
- id: say
  class: CommandLineTool
  baseCommand: echo
  inputs: {word: {type: string, inputBinding: {}}}
  outputs: {said: stdout}
- id: main
  class: Workflow
  inputs: {word: string}
  outputs:
    said: {type: File, outputSource: step/said}
  steps:
    step: {run: "#say", in: {word: word}, out: [said]}

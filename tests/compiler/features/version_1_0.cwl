cwlVersion: v1.0
class: Workflow
inputs:
  word: {type: string}
outputs:
  said: {type: File, outputSource: say/said}
steps:
  - id: say
    run:
      class: CommandLineTool
      baseCommand: [echo]
      inputs:
        word: {type: string, inputBinding: {position: 1}}
      outputs:
        said: stdout
    in:
      - {id: word, source: word}
    out: [said]

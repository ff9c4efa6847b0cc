cwlVersion: v1.2
class: Workflow
requirements: {ScatterFeatureRequirement: {}, StepInputExpressionRequirement: {}, InlineJavascriptRequirement: {}}
inputs:
  words: {type: "string[]", default: [ann, bob, eve]}
outputs:
  all: {type: File, outputSource: join/all}
steps:
  each:
    scatter: word
    in: {word: words}
    out: [said]
    run:
      class: CommandLineTool
      baseCommand: [sh, -c, 'echo "working on $0" >&2; echo "$0"']
      inputs: {word: {type: string, inputBinding: {}}}
      stdout: said.txt
      outputs: {said: stdout}
  join:
    in: {files: each/said}
    out: [all]
    run:
      class: CommandLineTool
      baseCommand: cat
      inputs: {files: {type: "File[]", inputBinding: {}}}
      stdout: all.txt
      outputs: {all: stdout}

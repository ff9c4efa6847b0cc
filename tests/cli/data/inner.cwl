cwlVersion: v1.2
class: Workflow
inputs: {file: File}
outputs: {copy: {type: File, outputSource: once/copy}}
steps:
  once:
    in: {file: file}
    out: [copy]
    run: tool.cwl

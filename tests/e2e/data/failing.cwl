cwlVersion: v1.2
class: Workflow
inputs: []
outputs: []
steps:
  bad:
    in: []
    out: []
    run: {class: CommandLineTool, baseCommand: [sh, -c, "echo no disk left >&2; exit 7"], inputs: [], outputs: []}

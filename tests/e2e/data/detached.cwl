cwlVersion: v1.2
class: Workflow
inputs: {mark: string}
outputs: []
steps:
  wait:
    in: {mark: mark}
    out: []
    run:
      class: CommandLineTool
      baseCommand: [sh, -c, 'echo $$ >> "$0"; [ $(wc -l < "$0") -gt 1 ] || sleep 600']
      inputs: {mark: {type: string, inputBinding: {}}}
      outputs: []

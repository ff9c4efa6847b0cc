cwlVersion: v1.2
class: Workflow
inputs: {mark: string}
outputs: []
steps:
  sleep:
    in: {mark: mark}
    out: []
    run:
      class: CommandLineTool
      requirements: {ShellCommandRequirement: {}}
      arguments: [{shellQuote: false, valueFrom: 'echo $$ > $(inputs.mark); sleep 600 & wait'}]
      inputs: {mark: string}
      outputs: []

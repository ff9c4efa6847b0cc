cwlVersion: v1.2
class: Workflow
label: Fails
doc: The second step fails, and says so with what would be markup in a page.
inputs:
  text: {type: string, default: "<script>window.hacked=1</script>", label: Text}
steps:
  say:
    in: {text: text}
    out: [said]
    run:
      class: CommandLineTool
      baseCommand: echo
      inputs: {text: {type: string, inputBinding: {}}}
      outputs: {said: {type: stdout}}
      stdout: said.txt
  fail:
    in: {file: say/said}
    out: [copy]
    run:
      class: CommandLineTool
      baseCommand: [sh, -c, 'cat "$0"; cat "$0" >&2; exit 3']
      inputs: {file: {type: File, inputBinding: {}}}
      outputs: {copy: {type: stdout}}
      stdout: copy.txt
outputs:
  copy: {type: File, outputSource: fail/copy}

cwlVersion: v1.2
class: Workflow
label: Hello
doc: |
  The smallest workflow: one step whose tool stands in the same file.
  It becomes a DAG with the one task `greet`; the trigger form asks for `name`.
  Look at the output `greeting`: a file with what `echo` printed.
inputs:
  name: {type: string, default: world, label: Name, doc: Who is greeted.}
steps:
  greet:
    label: Greet
    doc: Prints the greeting.
    in: {name: name}
    out: [greeting]
    run:
      class: CommandLineTool
      baseCommand: [echo, Hello]
      inputs:
        name: {type: string, inputBinding: {position: 1}}
      outputs:
        greeting: stdout
      stdout: greeting.txt
outputs:
  greeting: {type: File, outputSource: greet/greeting, label: Greeting, doc: What was printed.}

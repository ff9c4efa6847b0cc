cwlVersion: v1.2
class: Workflow
label: Greetings
doc: Says hello to everybody.
requirements: {ScatterFeatureRequirement: {}, SubworkflowFeatureRequirement: {}, InlineJavascriptRequirement: {}}
inputs:
  names: {type: "string[]", default: [ann, bob, eve]}
outputs:
  loud: {type: "string[]", outputSource: each/loud}
  pairs: {type: {type: array, items: {type: array, items: ["null", string]}}, outputSource: both/pairs}
steps:
  each:
    scatter: name
    in: {name: names}
    out: [loud]
    run:
      class: Workflow
      inputs: {name: string}
      outputs: {loud: {type: string, outputSource: shout/loud}}
      steps:
        say:
          in: {text: name}
          out: [said]
          run:
            class: CommandLineTool
            baseCommand: [echo, -n]
            inputs: {text: {type: string, inputBinding: {}}}
            outputs: {said: {type: stdout}}
        shout:
          in: {file: say/said}
          out: [loud]
          run:
            class: ExpressionTool
            inputs: {file: {type: File, loadContents: true}}
            outputs: {loud: string}
            expression: "${return {loud: inputs.file.contents.toUpperCase()};}"
  both:
    scatter: name
    in: {name: names, all: names}
    out: [pairs]
    run:
      class: Workflow
      inputs: {name: string, all: "string[]"}
      outputs: {pairs: {type: {type: array, items: ["null", string]}, outputSource: pair/both}}
      steps:
        pair:
          scatter: other
          when: $(inputs.name != inputs.other)
          in: {name: name, other: all}
          out: [both]
          run:
            class: ExpressionTool
            inputs: {name: string, other: string}
            outputs: {both: string}
            expression: "${return {both: inputs.name + '+' + inputs.other};}"

cwlVersion: v1.2
class: Workflow
requirements: {InlineJavascriptRequirement: {}, MultipleInputFeatureRequirement: {}}
inputs: {wanted: boolean, word: string}
outputs:
  said: {type: File, outputSource: [maybe/said, otherwise/said], pickValue: first_non_null}
steps:
  maybe:
    run: echo.cwl
    when: $(inputs.wanted)
    in: {wanted: wanted, word: word}
    out: [said]
  otherwise:
    run: echo.cwl
    when: $(!inputs.wanted)
    in: {wanted: wanted}
    out: [said]

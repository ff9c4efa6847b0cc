cwlVersion: v1.2
class: Workflow
requirements: {ScatterFeatureRequirement: {}}
inputs: {words: "string[]"}
outputs:
  said: {type: "File[]", outputSource: say/said}
  first: {type: File, outputSource: before/said}
steps:
  before:
    run: echo.cwl
    in: {}
    out: [said]
  say:
    run: echo.cwl
    scatter: word
    in: {word: words}
    out: [said]

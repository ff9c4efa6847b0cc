cwlVersion: v1.2
class: Workflow
requirements: {ScatterFeatureRequirement: {}}
inputs:
  words: string[]
  flags: boolean[]
outputs:
  results: {type: "File[]", outputSource: say/said}
steps:
  say:
    run: echo.cwl
    scatter: [word, upper]
    scatterMethod: flat_crossproduct
    in: {word: words, upper: flags}
    out: [said]

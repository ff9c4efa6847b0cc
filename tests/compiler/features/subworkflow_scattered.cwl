cwlVersion: v1.2
class: Workflow
requirements: {SubworkflowFeatureRequirement: {}, ScatterFeatureRequirement: {}}
inputs: {words: "string[]"}
outputs:
  said: {type: "File[]", outputSource: both/said}
steps:
  both:
    run: inner.cwl
    scatter: word
    in: {word: words}
    out: [said]

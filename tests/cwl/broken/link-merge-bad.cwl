cwlVersion: v1.2
class: Workflow
requirements:
  MultipleInputFeatureRequirement: {}
inputs:
  one: string
  two: string
outputs:
  both:
    type: string[]
    outputSource: [one, two]
    linkMerge: merge_flat
steps: []

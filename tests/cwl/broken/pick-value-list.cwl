cwlVersion: v1.2
class: Workflow
requirements:
  MultipleInputFeatureRequirement: {}
inputs:
  one: string?
  two: string?
outputs:
  all:
    type: string
    outputSource: [one, two]
    pickValue: all_non_null
steps: []

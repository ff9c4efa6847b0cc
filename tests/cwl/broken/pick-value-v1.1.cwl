cwlVersion: v1.1
class: Workflow
inputs:
  one: string?
  two: string?
outputs:
  any:
    type: string
    outputSource: [one, two]
    pickValue: first_non_null
requirements:
  MultipleInputFeatureRequirement: {}
steps: []

cwlVersion: v1.2
class: Workflow
requirements:
  MultipleInputFeatureRequirement: {}
inputs:
  one: string?
  two: string?
outputs:
  any:
    type: string
    outputSource: [one, two]
    pickValue: first_not_null
steps: []

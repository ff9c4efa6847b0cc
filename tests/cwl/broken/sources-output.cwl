cwlVersion: v1.2
class: Workflow
inputs:
  one: string
  two: string
outputs:
  both:
    type: string[]
    outputSource: [one, two]
steps: []

cwlVersion: v1.2
class: Workflow
requirements: {SubworkflowFeatureRequirement: {}, StepInputExpressionRequirement: {}}
inputs: {word: string}
outputs:
  said: {type: File, outputSource: after/said}
steps:
  both:
    run: inner.cwl
    in: {word: word}
    out: [said]
  after:
    run: echo.cwl
    in: {word: {source: both/said, valueFrom: $(self.basename)}}
    out: [said]

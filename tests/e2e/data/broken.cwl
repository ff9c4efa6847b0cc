cwlVersion: v1.2
class: Workflow
inputs: {a: sting}
outputs: []
steps: []

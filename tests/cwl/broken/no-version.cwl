class: Workflow
inputs: {}
outputs: {}
steps: {}

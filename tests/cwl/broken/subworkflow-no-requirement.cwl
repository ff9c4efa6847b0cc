cwlVersion: v1.2
class: Workflow
inputs:
  message: string
outputs: []
steps:
  nested:
    run: parts/inner.cwl
    in: {message: message}
    out: [out]

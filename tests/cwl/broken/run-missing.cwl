cwlVersion: v1.2
class: Workflow
inputs:
  message: string
outputs: []
steps:
  say:
    run: parts/ecko.cwl
    in: {message: message}
    out: [out]

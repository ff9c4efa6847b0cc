cwlVersion: v1.2
class: Workflow
inputs:
  message: string
outputs:
  out:
    type: File
    outputSource: later/out
steps:
  later:
    run: parts/abstract.cwl
    in: {message: message}
    out: [out]

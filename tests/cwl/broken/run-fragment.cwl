cwlVersion: v1.2
class: Workflow
inputs:
  message: string
outputs: []
steps:
  say:
    run: "#echo"
    in: {message: message}
    out: [out]

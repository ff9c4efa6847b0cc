cwlVersion: v1.2
class: Workflow
inputs: {file: File}
outputs: {}
steps:
  once: {in: {file: file}, out: [copy], run: tol.cwl}

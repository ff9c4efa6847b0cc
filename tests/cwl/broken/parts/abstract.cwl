cwlVersion: v1.2
class: Operation
inputs:
  message: string
outputs:
  out: File

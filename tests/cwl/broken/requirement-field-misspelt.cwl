cwlVersion: v1.2
class: CommandLineTool
baseCommand: echo
requirements:
  DockerRequirement:
    dockerpull: debian:stable-slim
inputs: []
outputs: []

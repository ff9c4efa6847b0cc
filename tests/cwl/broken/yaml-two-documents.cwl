cwlVersion: v1.2
class: CommandLineTool
baseCommand: echo
inputs: {}
outputs: {}
---
cwlVersion: v1.2
class: Workflow
inputs: {}
outputs: {}
steps: {}

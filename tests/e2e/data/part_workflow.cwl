cwlVersion: v1.2
class: Workflow
inputs: []
outputs: []
steps: {inner: {in: [], out: [], run: part_tool.cwl}}

cwlVersion: v1.2
class: Workflow
requirements: {SubworkflowFeatureRequirement: {}}
inputs: []
outputs: []
steps: {part: {in: [], out: [], run: part_workflow.cwl}}

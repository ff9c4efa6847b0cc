cwlVersion: v1.2
class: CommandLineTool
baseCommand: [grep, "\d+"]
inputs: {}
outputs: {}

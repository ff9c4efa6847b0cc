cwlVersion: v1.2
class: CommandLineTool
baseCommand: echo
$namespaces:
  arv: http://arvados.org/cwl#
requirements:
  arv:RunInSingleContainer: {}
inputs: []
outputs: []

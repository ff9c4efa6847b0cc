cwlVersion: v1.2
class: CommandLineTool
baseCommand: echo
requirements:
  - class: QuantumRequirement
    qubits: 4
inputs: []
outputs: []

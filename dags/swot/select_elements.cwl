cwlVersion: v1.2
class: CommandLineTool
label: Choose orbit elements
doc: |
  Chooses the two-line element set of the satellite whose epoch is nearest to the start, checks its checksums, and warns
  in the log when the epoch is so far away that the propagated orbit can be wrong by kilometres.
baseCommand: [python3, -B]
inputs:
  program:
    type: File
    label: Program
    doc: Python program that does the work.
    default:
      class: File
      location: programs/select_elements.py
      secondaryFiles:
        - {class: File, location: programs/elements.py}
        - {class: File, location: programs/inputs.py}
    inputBinding: {position: 1}
  tle:
    type: File
    label: Two-line elements
    doc: One or more sets, of one or more satellites, with or without title lines.
    inputBinding: {position: 2}
  satellite:
    type: int
    label: Satellite
    doc: NORAD catalogue number.
    inputBinding: {position: 3, prefix: --satellite}
  start:
    type: string
    label: Start
    doc: Start of the period, ISO 8601, UTC.
    inputBinding: {position: 3, prefix: --start}
arguments:
  - {position: 3, prefix: --output, valueFrom: elements.tle}
outputs:
  elements:
    type: File
    label: Chosen elements
    doc: The one set that is propagated.
    outputBinding: {glob: elements.tle}
hints:
  ResourceRequirement: {coresMin: 1, ramMin: 64, outdirMin: 1}
  SoftwareRequirement:
    packages:
      python: {version: ["3.11"], specs: ["https://www.python.org"]}

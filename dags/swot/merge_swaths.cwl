cwlVersion: v1.2
class: CommandLineTool
label: Gather the swaths
doc: |
  Gathers the swaths of all passes into one GeoJSON file and writes a table of the candidate passes with what each covers.
  The lists reach the program in a file that the runner writes, because a command line has a length limit.
intent: [edam:operation_3436]
baseCommand: [python3, -B]
requirements:
  InlineJavascriptRequirement: {}
  SchemaDefRequirement:
    types:
      - $import: types.yml
  InitialWorkDirRequirement:
    listing:
      - entryname: lists.json
        entry: |
          ${
            var paths = inputs.swaths.map(function (file) { return file.path; });
            return JSON.stringify({passes: inputs.passes, coverage: inputs.coverage, swaths: paths});
          }
inputs:
  program:
    type: File
    label: Program
    doc: Python program that does the work.
    default:
      class: File
      location: programs/merge_swaths.py
      secondaryFiles:
        - {class: File, location: programs/elements.py}
        - {class: File, location: programs/inputs.py}
    inputBinding: {position: 1}
  passes:
    type:
      type: array
      items: "types.yml#Pass"
    label: Candidate passes
    doc: All candidates, those that were skipped too.
  coverage:
    type:
      type: array
      items: "types.yml#Coverage"
    label: Coverage
    doc: What the passes cover that were not skipped.
  swaths:
    type: File[]
    label: Swaths
    doc: GeoJSON files of the passes that were not skipped.
  elements:
    type: File
    label: Orbit elements
    doc: Named in the result.
    inputBinding: {position: 3, prefix: --elements}
  start:
    type: string
    label: Start
    doc: Start of the period, ISO 8601, UTC.
    inputBinding: {position: 3, prefix: --start}
  days:
    type: double
    label: Length
    doc: Length of the period, days.
    inputBinding: {position: 3, prefix: --days}
arguments:
  - {position: 2, valueFrom: lists.json}
  - {position: 3, prefix: --swaths, valueFrom: swaths.geojson}
  - {position: 3, prefix: --table, valueFrom: passes.csv}
outputs:
  collection:
    type: File
    label: Swaths
    doc: All swaths in the order of time.
    format: iana:application/geo+json
    outputBinding: {glob: swaths.geojson}
  table:
    type: File
    label: Table of passes
    doc: One row for each candidate pass.
    format: edam:format_3752
    outputBinding: {glob: passes.csv}
hints:
  ResourceRequirement: {coresMin: 1, ramMin: 64, outdirMin: 8}
  SoftwareRequirement:
    packages:
      python: {version: ["3.11"], specs: ["https://www.python.org"]}
$namespaces:
  edam: http://edamontology.org/
  iana: https://www.iana.org/assignments/media-types/

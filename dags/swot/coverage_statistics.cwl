cwlVersion: v1.2
class: CommandLineTool
label: Sum up the revisits
doc: Sums up the revisit grid over the sea (over the whole area when it has no sea), with a histogram of revisits, and the area that all swaths together cover.
intent: [edam:operation_2238]
baseCommand: [python3, -B]
inputs:
  program:
    type: File
    label: Program
    doc: Python program that does the work.
    default:
      class: File
      location: programs/coverage_statistics.py
      secondaryFiles:
        - {class: File, location: programs/geodesy.py}
        - {class: File, location: programs/grid_file.py}
        - {class: File, location: programs/inputs.py}
    inputBinding: {position: 1}
  grid:
    type: File
    label: Revisit grid
    doc: NetCDF (revisit_grid.cwl).
    inputBinding: {position: 2}
  swaths:
    type: File
    label: Swaths
    doc: GeoJSON that the grid was made from.
    inputBinding: {position: 3}
arguments:
  - {position: 4, prefix: --output, valueFrom: summary.json}
outputs:
  summary:
    type: File
    label: Summary
    doc: Statistics of the area and the period.
    format: edam:format_3464
    outputBinding: {glob: summary.json}
hints:
  ResourceRequirement: {coresMin: 1, ramMin: 256, outdirMin: 1}
  SoftwareRequirement:
    packages:
      numpy: {version: ["2.4"], specs: ["https://numpy.org"]}
      netcdf4: {version: ["1.7"], specs: ["https://unidata.github.io/netcdf4-python"]}
$namespaces:
  edam: http://edamontology.org/

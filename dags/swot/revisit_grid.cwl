cwlVersion: v1.2
class: CommandLineTool
label: Count revisits
doc: Counts on a regular grid how many passes see each cell and finds the longest time between two of them.
intent: [edam:operation_3435]
baseCommand: [python3, -B]
inputs:
  program:
    type: File
    label: Program
    doc: Python program that does the work.
    default:
      class: File
      location: programs/revisit_grid.py
      secondaryFiles:
        - {class: File, location: programs/area.py}
        - {class: File, location: programs/geodesy.py}
        - {class: File, location: programs/grid_file.py}
        - {class: File, location: programs/inputs.py}
        - {class: File, location: programs/raster.py}
    inputBinding: {position: 1}
  swaths:
    type: File
    label: Swaths
    doc: GeoJSON (merge_swaths.cwl).
    inputBinding: {position: 2}
  area:
    type: File
    label: Area of interest
    doc: GeoJSON polygon.
    inputBinding: {position: 3}
  land:
    type: File
    label: Land
    doc: Percentage of land about the area.
    secondaryFiles:
      - ^.hdr
    inputBinding: {position: 4}
  spacing:
    type: double
    label: Spacing
    doc: Size of a cell, degrees.
    default: 0.025
    inputBinding: {position: 5, prefix: --spacing}
arguments:
  - {position: 5, prefix: --output, valueFrom: revisit.nc}
outputs:
  grid:
    type: File
    label: Revisit grid
    doc: NetCDF after the CF conventions.
    format: edam:format_3650
    outputBinding: {glob: revisit.nc}
hints:
  ResourceRequirement: {coresMin: 1, ramMin: 256, outdirMin: 16}
  SoftwareRequirement:
    packages:
      numpy: {version: ["2.4"], specs: ["https://numpy.org"]}
      netcdf4: {version: ["1.7"], specs: ["https://unidata.github.io/netcdf4-python"]}
      shapely: {version: ["2.2", "2.1"], specs: ["https://shapely.readthedocs.io"]}
$namespaces:
  edam: http://edamontology.org/

cwlVersion: v1.2
class: CommandLineTool
label: Draw the map
doc: Draws the number of passes, the swaths and the coast as a picture that is 2000 pixels wide.
intent: [edam:operation_0337]
baseCommand: [python3, -B]
inputs:
  program:
    type: File
    label: Program
    doc: Python program that does the work.
    default:
      class: File
      location: programs/draw_map.py
      secondaryFiles:
        - {class: File, location: programs/area.py}
        - {class: File, location: programs/geodesy.py}
        - {class: File, location: programs/grid_file.py}
        - {class: File, location: programs/inputs.py}
        - {class: File, location: programs/raster.py}
    inputBinding: {position: 1}
  grid:
    type: File
    label: Revisit grid
    doc: NetCDF (revisit_grid.cwl).
    inputBinding: {position: 2}
  land:
    type: File
    label: Land
    doc: Percentage of land about the area; its edge is the coast.
    secondaryFiles:
      - ^.hdr
    inputBinding: {position: 3}
  swaths:
    type: File
    label: Swaths
    doc: GeoJSON that the grid was made from.
    inputBinding: {position: 4}
  area:
    type: File
    label: Area of interest
    doc: GeoJSON polygon.
    inputBinding: {position: 5}
  summary:
    type: File
    label: Summary
    doc: Statistics shown in the title and beside the colours.
    inputBinding: {position: 6}
arguments:
  - {position: 7, prefix: --output, valueFrom: revisit.png}
outputs:
  map:
    type: File
    label: Map
    doc: PNG picture.
    format: edam:format_3603
    outputBinding: {glob: revisit.png}
hints:
  ResourceRequirement: {coresMin: 1, ramMin: 512, outdirMin: 4}
  SoftwareRequirement:
    packages:
      numpy: {version: ["2.4"], specs: ["https://numpy.org"]}
      netcdf4: {version: ["1.7"], specs: ["https://unidata.github.io/netcdf4-python"]}
      shapely: {version: ["2.2", "2.1"], specs: ["https://shapely.readthedocs.io"]}
      matplotlib: {version: ["3.11"], specs: ["https://matplotlib.org"]}
$namespaces:
  edam: http://edamontology.org/

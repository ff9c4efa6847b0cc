cwlVersion: v1.2
class: CommandLineTool
label: Cut out the land mask
doc: |
  Cuts the window about the area out of the global land mask once, so that the many swath steps need not read the whole
  globe. The raster has a header file beside it, as any GIS expects (ESRI BIL).
baseCommand: [python3, -B]
inputs:
  program:
    type: File
    label: Program
    doc: Python program that does the work.
    default:
      class: File
      location: programs/extract_land.py
      secondaryFiles:
        - {class: File, location: programs/area.py}
        - {class: File, location: programs/inputs.py}
        - {class: File, location: programs/raster.py}
    inputBinding: {position: 1}
  area:
    type: File
    label: Area of interest
    doc: GeoJSON polygon.
    inputBinding: {position: 2}
arguments:
  - {position: 3, prefix: --output, valueFrom: land.bil}
outputs:
  raster:
    type: File
    label: Land
    doc: Percentage of land in cells of one arc minute.
    secondaryFiles:
      - ^.hdr
    outputBinding: {glob: land.bil}
hints:
  ResourceRequirement: {coresMin: 1, ramMin: 256, outdirMin: 16}
  SoftwareRequirement:
    packages:
      numpy: {version: ["2.4"], specs: ["https://numpy.org"]}
      shapely: {version: ["2.2", "2.1"], specs: ["https://shapely.readthedocs.io"]}
      global-land-mask: {version: ["1.0.0"], specs: ["https://github.com/toddkarin/global-land-mask"]}

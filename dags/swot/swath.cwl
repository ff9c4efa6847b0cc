cwlVersion: v1.2
class: CommandLineTool
label: Make the swaths of a pass
doc: |
  Makes the left and the right KaRIn swath of one pass, cut to the area, and measures on a 2 km grid how much of the area
  they see, for how long, and which share of it is water.
intent: [edam:operation_3435]
baseCommand: [python3, -B]
requirements:
  InlineJavascriptRequirement:
    expressionLib:
      - |
        function padded(number) { return number < 100 ? ("00" + number).slice(-3) : String(number); }
        function named(pass) { return "_" + padded(pass.cycle) + "_" + padded(pass.number); }
  SchemaDefRequirement:
    types:
      - $import: types.yml
inputs:
  program:
    type: File
    label: Program
    doc: Python program that does the work.
    default:
      class: File
      location: programs/swath.py
      secondaryFiles:
        - {class: File, location: programs/area.py}
        - {class: File, location: programs/geodesy.py}
        - {class: File, location: programs/inputs.py}
        - {class: File, location: programs/raster.py}
    inputBinding: {position: 1}
  track:
    type: File
    label: Piece of track
    doc: Ground track of the pass near the area.
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
  pass:
    type: "types.yml#Pass"
    label: Pass
    doc: The pass whose swaths are made.
  inner:
    type: double
    label: Inner edge
    doc: Inner edge of each swath, km from nadir.
    default: 10.0
    inputBinding: {position: 5, prefix: --inner}
  outer:
    type: double
    label: Outer edge
    doc: Outer edge of each swath, km from nadir.
    default: 60.0
    inputBinding: {position: 5, prefix: --outer}
arguments:
  - {position: 5, prefix: --cycle, valueFrom: $(inputs.pass.cycle)}
  - {position: 5, prefix: --number, valueFrom: $(inputs.pass.number)}
  - {position: 5, prefix: --direction, valueFrom: $(inputs.pass.direction)}
  - {position: 5, prefix: --swath, valueFrom: '$("swath" + named(inputs.pass) + ".geojson")'}
  - {position: 5, prefix: --coverage, valueFrom: coverage.json}
outputs:
  swath:
    type: File
    label: Swaths
    doc: Up to two GeoJSON features, left and right.
    format: iana:application/geo+json
    outputBinding: {glob: '$("swath" + named(inputs.pass) + ".geojson")'}
  coverage:
    type: "types.yml#Coverage"
    label: Coverage
    doc: What the pass covers.
    outputBinding:
      glob: coverage.json
      loadContents: true
      outputEval: $(JSON.parse(self[0].contents))
hints:
  ResourceRequirement: {coresMin: 1, ramMin: 128, outdirMin: 1}
  SoftwareRequirement:
    packages:
      numpy: {version: ["2.4"], specs: ["https://numpy.org"]}
      shapely: {version: ["2.2", "2.1"], specs: ["https://shapely.readthedocs.io"]}
$namespaces:
  edam: http://edamontology.org/
  iana: https://www.iana.org/assignments/media-types/

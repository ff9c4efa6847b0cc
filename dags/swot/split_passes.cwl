cwlVersion: v1.2
class: CommandLineTool
label: Split into passes
doc: |
  Splits the ground track at its northern and southern turning points into half-orbit passes and numbers them by the
  start times of published products. Passes near the area become candidates; for each it tells whether its swath can
  touch the area, so that the passes which only come near can be skipped. When published times do not fit (another orbit,
  or elements that are too old) it says so in the log, and the passes are numbered from the start, in cycle 0.
baseCommand: [python3, -B]
requirements:
  InlineJavascriptRequirement: {}
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
      location: programs/split_passes.py
      secondaryFiles:
        - {class: File, location: programs/area.py}
        - {class: File, location: programs/geodesy.py}
        - {class: File, location: programs/inputs.py}
        - {class: File, location: programs/passes.py}
    inputBinding: {position: 1}
  orbit:
    type: File
    label: Ground track
    doc: CF trajectory (propagate.cwl).
    inputBinding: {position: 2}
  area:
    type: File
    label: Area of interest
    doc: GeoJSON polygon.
    inputBinding: {position: 3}
  reference:
    type: File?
    label: Published passes
    doc: Cycle, pass and start time of published products. Without it passes are numbered 1, 2, 3 … from the start.
    inputBinding: {position: 4, prefix: --reference}
  neighbourhood:
    type: double
    label: Neighbourhood
    doc: Passes within this many degrees of the area's bounding box are candidates.
    default: 4.0
    inputBinding: {position: 4, prefix: --neighbourhood}
  reach:
    type: double
    label: Reach
    doc: Outer edge of the swath, km from nadir.
    default: 60.0
    inputBinding: {position: 4, prefix: --reach}
arguments:
  - {position: 4, prefix: --output, valueFrom: passes.json}
outputs:
  passes:
    type:
      type: array
      items: "types.yml#Pass"
    label: Candidate passes
    doc: In the order of time.
    outputBinding:
      glob: passes.json
      loadContents: true
      outputEval: $(JSON.parse(self[0].contents).passes)
  tracks:
    type: File[]
    label: Pieces of track
    doc: For each candidate, in the same order, its piece of ground track near the area.
    format: edam:format_3752
    outputBinding:
      # File names hold cycle and pass, so that the order of names is the order of time.
      glob: track_*.csv
  total:
    type: int
    label: All passes
    doc: Number of passes that begin within the period, near the area or not.
    outputBinding:
      glob: passes.json
      loadContents: true
      outputEval: $(JSON.parse(self[0].contents).total)
hints:
  ResourceRequirement: {coresMin: 1, ramMin: 256, outdirMin: 8}
  SoftwareRequirement:
    packages:
      numpy: {version: ["2.4"], specs: ["https://numpy.org"]}
      netcdf4: {version: ["1.7"], specs: ["https://unidata.github.io/netcdf4-python"]}
      shapely: {version: ["2.2", "2.1"], specs: ["https://shapely.readthedocs.io"]}
$namespaces:
  edam: http://edamontology.org/

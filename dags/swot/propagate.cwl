cwlVersion: v1.2
class: CommandLineTool
label: Propagate the orbit
doc: |
  Propagates the elements with SGP4 and writes the ground track, one point every `step` seconds, for the period and the
  half revolution after it, as a CF trajectory.
intent: [edam:operation_3435]
baseCommand: [python3, -B]
inputs:
  program:
    type: File
    label: Program
    doc: Python program that does the work.
    default:
      class: File
      location: programs/propagate.py
      secondaryFiles:
        - {class: File, location: programs/elements.py}
        - {class: File, location: programs/geodesy.py}
        - {class: File, location: programs/inputs.py}
    inputBinding: {position: 1}
  elements:
    type: File
    label: Orbit elements
    doc: One two-line element set.
    inputBinding: {position: 2}
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
  step:
    type: double
    label: Step
    doc: Time between two points of the track, seconds.
    default: 10.0
    inputBinding: {position: 3, prefix: --step}
arguments:
  - {position: 3, prefix: --output, valueFrom: orbit.nc}
outputs:
  orbit:
    type: File
    label: Ground track
    doc: Time, geodetic latitude, longitude and altitude of the satellite.
    format: edam:format_3650
    outputBinding: {glob: orbit.nc}
hints:
  ResourceRequirement: {coresMin: 1, ramMin: 256, outdirMin: 16}
  SoftwareRequirement:
    packages:
      numpy: {version: ["2.4"], specs: ["https://numpy.org"]}
      netcdf4: {version: ["1.7"], specs: ["https://unidata.github.io/netcdf4-python"]}
      sgp4: {version: ["2.27"], specs: ["https://github.com/brandon-rhodes/python-sgp4"]}
$namespaces:
  edam: http://edamontology.org/

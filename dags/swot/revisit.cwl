cwlVersion: v1.2
class: Workflow
label: Revisits
doc: From swaths to a revisit grid, its statistics and, when wanted, a map.
inputs:
  swaths:
    type: File
    label: Swaths
    doc: All swaths of the period, GeoJSON.
  area:
    type: File
    label: Area of interest
    doc: GeoJSON polygon.
  land:
    type: File
    label: Land
    doc: Percentage of land about the area.
    secondaryFiles:
      - ^.hdr
  spacing:
    type: double
    label: Spacing
    doc: Size of a grid cell, degrees.
  draw_map:
    type: boolean
    label: Draw the map
    doc: Whether the map is drawn.
steps:
  count:
    label: Count revisits
    doc: Grid of the number of passes and the longest gap.
    run: revisit_grid.cwl
    in:
      swaths: swaths
      area: area
      land: land
      spacing: spacing
    out: [grid]
  sum_up:
    label: Sum up the revisits
    doc: Shares, means and histogram over the sea.
    run: coverage_statistics.cwl
    in:
      grid: count/grid
      swaths: swaths
    out: [summary]
  draw:
    label: Draw the map
    doc: Skipped when no map is wanted.
    run: draw_map.cwl
    when: $(inputs.wanted)
    in:
      wanted: draw_map
      grid: count/grid
      land: land
      swaths: swaths
      area: area
      summary: sum_up/summary
    out: [map]
outputs:
  grid:
    type: File
    label: Revisit grid
    doc: NetCDF after the CF conventions.
    format: edam:format_3650
    outputSource: count/grid
  summary:
    type: File
    label: Summary
    doc: Statistics as JSON.
    format: edam:format_3464
    outputSource: sum_up/summary
  map:
    type: File?
    label: Map
    doc: PNG picture; none when it was not wanted.
    format: edam:format_3603
    outputSource: draw/map
$namespaces:
  edam: http://edamontology.org/

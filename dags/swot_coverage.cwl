cwlVersion: v1.2
class: Workflow
label: SWOT coverage
doc: |
  When and how often does the wide-swath altimeter KaRIn of the SWOT satellite see an area?

  The published orbit elements are propagated over the period and split into half-orbit passes. Passes near the area are
  candidates; for each that touches the area the two swaths are made, passes that only come near are skipped. The swaths
  are gathered and counted on a grid, which gives a map and statistics, and a last step checks that the results agree.

  Without any input it shows cycle 57 (October 2026) of the western Mediterranean.

requirements:
  InlineJavascriptRequirement: {}
  MultipleInputFeatureRequirement: {}
  ScatterFeatureRequirement: {}
  StepInputExpressionRequirement: {}
  SubworkflowFeatureRequirement: {}
  SchemaDefRequirement:
    types:
      - $import: swot/types.yml

inputs:
  start:
    type: string
    label: Start
    doc: Start of the period, ISO 8601, UTC. Take a date near to the published elements.
    default: "2026-10-01T15:30:00Z"
  days:
    type: double
    label: Length
    doc: Length of the period in days. One repeat cycle is 20.86455 days, 292 revolutions, 584 passes.
    default: 20.86455
  area:
    type: File
    label: Area of interest
    doc: GeoJSON polygon or multipolygon, not across the date line.
    default:
      class: File
      location: swot/data/western_mediterranean.geojson
  tle:
    type: File
    label: Two-line elements
    doc: Published elements of the satellite; of several sets the one nearest to the start is used.
    default:
      class: File
      location: swot/data/swot.tle
  satellite:
    type: int
    label: Satellite
    doc: NORAD catalogue number; 54754 is SWOT.
    default: 54754
  reference_passes:
    type: File?
    label: Published passes
    doc: |
      Cycle, pass and start time of published products, by which passes get the mission's numbers. Without them passes are
      numbered from the start of the period.
    default:
      class: File
      location: swot/data/reference_passes.csv
  swath_km:
    type: double[]
    label: Swath
    doc: Inner and outer edge of the swath on each side, km from nadir.
    default: [10.0, 60.0]
  neighbourhood:
    type: double
    label: Neighbourhood
    doc: Passes within this many degrees of the area's bounding box are listed as candidates.
    default: 4.0
  spacing:
    type: double
    label: Grid spacing
    doc: Size of a cell of the revisit grid, degrees.
    default: 0.025
  draw_map:
    type: boolean
    label: Draw the map
    doc: Whether a map is drawn.
    default: true

steps:
  select_elements:
    label: Choose orbit elements
    doc: The published set that is nearest to the start.
    run: swot/select_elements.cwl
    in:
      tle: tle
      satellite: satellite
      start: start
    out: [elements]
  propagate:
    label: Propagate the orbit
    doc: Ground track of the whole period.
    run: swot/propagate.cwl
    in:
      elements: select_elements/elements
      start: start
      days: days
    out: [orbit]
  split_passes:
    label: Split into passes
    doc: Half-orbit passes, and which of them can see the area.
    run: swot/split_passes.cwl
    in:
      orbit: propagate/orbit
      area: area
      reference: reference_passes
      neighbourhood: neighbourhood
      reach:
        source: swath_km
        valueFrom: $(self[1])
    out: [passes, tracks, total]
  land:
    label: Cut out the land mask
    doc: Once for all passes, at the same time as the orbit.
    run: swot/extract_land.cwl
    in:
      area: area
    out: [raster]
  swath:
    label: Make the swaths of a pass
    doc: Once for each candidate pass; skipped when the pass does not touch the area.
    run: swot/swath.cwl
    scatter: [pass, track]
    scatterMethod: dotproduct
    when: $(inputs.pass.crosses_area)
    in:
      pass: split_passes/passes
      track: split_passes/tracks
      area: area
      land: land/raster
      inner:
        source: swath_km
        valueFrom: $(self[0])
      outer:
        source: swath_km
        valueFrom: $(self[1])
    out: [swath, coverage]
  merge:
    label: Gather the swaths
    doc: One GeoJSON file and one table.
    run: swot/merge_swaths.cwl
    in:
      passes: split_passes/passes
      # A skipped pass leaves a null in the list. A list of one source with merge_flattened says to the type checker what
      # is meant: drop the nulls inside of the list.
      coverage:
        source: [swath/coverage]
        linkMerge: merge_flattened
        pickValue: all_non_null
      swaths:
        source: [swath/swath]
        linkMerge: merge_flattened
        pickValue: all_non_null
      elements: select_elements/elements
      start: start
      days: days
    out: [collection, table]
  revisit:
    label: Revisits
    doc: Grid, statistics and map.
    run: swot/revisit.cwl
    in:
      swaths: merge/collection
      area: area
      land: land/raster
      spacing: spacing
      draw_map: draw_map
    out: [grid, summary, map]
  check:
    label: Check the results
    doc: Fails when results that were computed in different ways disagree.
    run: swot/check.cwl
    in:
      summary: revisit/summary
      coverage:
        source: [swath/coverage]
        linkMerge: merge_flattened
        pickValue: all_non_null
      passes: split_passes/passes
      total: split_passes/total
    out: [figures, statement]

outputs:
  swaths:
    type: File
    label: Swaths
    doc: Left and right swath of every pass, cut to the area (GeoJSON).
    format: iana:application/geo+json
    outputSource: merge/collection
  passes:
    type: File
    label: Table of passes
    doc: Times, seconds in the area, area and water share of every candidate pass (CSV).
    format: edam:format_3752
    outputSource: merge/table
  grid:
    type: File
    label: Revisit grid
    doc: Number of passes and longest gap on a regular grid (NetCDF, CF conventions).
    format: edam:format_3650
    outputSource: revisit/grid
  map:
    type: File?
    label: Map
    doc: Number of passes as a picture (PNG).
    format: edam:format_3603
    outputSource: revisit/map
  summary:
    type: File
    label: Summary
    doc: Statistics of the area and the period (JSON).
    format: edam:format_3464
    outputSource: revisit/summary
  figures:
    label: Main figures
    doc: Checked figures of the run.
    type:
      type: record
      name: Figures
      fields:
        passes: {type: int, doc: Passes that begin within the period.}
        candidates: {type: int, doc: Passes that come near the area.}
        passes_over_area: {type: int, doc: Passes whose swaths see some of the area.}
        observed_share: {type: double, doc: "Share of the sea of the area that is seen at least once; of the whole area when it has no sea."}
        mean_revisits: {type: double, doc: How often a place at sea is seen on average.}
        water_share: {type: double, doc: Share of sea in all that the swaths see.}
        seconds_in_area: {type: double, doc: Time over the area of all passes together in seconds.}
    outputSource: check/figures
  statement:
    type: string
    label: Statement
    doc: The main figures in one sentence.
    outputSource: check/statement

$namespaces:
  edam: http://edamontology.org/
  iana: https://www.iana.org/assignments/media-types/

cwlVersion: v1.2
class: Workflow
label: Scatter
doc: |
  One step, many executions. `pair` takes the first cycle with the first pass, the second with the second
  (dotproduct); `combine` takes every cycle with every band (nested_crossproduct), so its output is a list of lists.
  Both are tasks that are mapped at run time: change the lists in the trigger form and their number changes.
requirements:
  ScatterFeatureRequirement: {}
inputs:
  cycles:
    type: int[]
    label: Cycles
    doc: Repeat cycles.
    default: [16, 17, 18]
  passes:
    type: int[]
    label: Passes
    doc: One pass for each cycle.
    default: [307, 12, 584]
  bands:
    type: string[]
    label: Bands
    doc: Names of frequency bands.
    default: [Ka, Ku]
steps:
  pair:
    label: Pairs
    doc: As many executions as the lists are long; they must be equally long.
    run: tools/name.cwl
    scatter: [left, right]
    scatterMethod: dotproduct
    in:
      left: cycles
      right: passes
    out: [name]
  combine:
    label: Every combination
    doc: Three cycles by two bands are six executions.
    run: tools/name.cwl
    scatter: [left, right]
    scatterMethod: nested_crossproduct
    in:
      left: cycles
      right: bands
    out: [name]
outputs:
  pairs:
    label: Pairs
    doc: One name for each pair.
    type: string[]
    outputSource: pair/name
  combinations:
    label: Every combination
    doc: One list for each cycle, with one name for each band.
    type: {type: array, items: {type: array, items: string}}
    outputSource: combine/name

cwlVersion: v1.2
class: Workflow
label: Conditional
doc: |
  A step with `when` runs only if the expression is true; otherwise it is skipped and its outputs are null.
  Of `near_real_time` and `reprocess` exactly one runs; `the_only_non_null` picks the report of that one.
  In `notify` the condition is tested for each element: `all_non_null` drops the nulls of the skipped ones.
requirements:
  InlineJavascriptRequirement: {}
  MultipleInputFeatureRequirement: {}
  ScatterFeatureRequirement: {}
  StepInputExpressionRequirement: {}
inputs:
  age_days:
    type: double
    label: Age
    doc: Age of the data, days. More than 3 leads to reprocessing.
    default: 1.5
  water_shares:
    type: double[]
    label: Water shares
    doc: Share of water in each tile, 0 to 1. Tiles below one half are skipped.
    default: [0.1, 0.7, 0.95, 0.0]
steps:
  near_real_time:
    label: Near real time
    doc: Runs for young data.
    run: tools/print.cwl
    when: $(inputs.age <= 3)
    in:
      age: age_days
      text: {default: processed in near real time}
    out: [printed]
  reprocess:
    label: Reprocess
    doc: Runs for old data.
    run: tools/print.cwl
    when: $(inputs.age > 3)
    in:
      age: age_days
      text: {default: reprocessed with final orbits}
    out: [printed]
  notify:
    label: Notify
    doc: Runs for each tile that is mostly water.
    run: tools/print.cwl
    scatter: share
    when: $(inputs.share >= 0.5)
    in:
      share: water_shares
      text:
        valueFrom: $("tile with " + Math.round(100 * inputs.share) + " % water")
    out: [printed]
outputs:
  report:
    label: Report
    doc: From whichever of the two steps ran.
    type: string
    outputSource: [near_real_time/printed, reprocess/printed]
    pickValue: the_only_non_null
  tiles:
    label: Tiles
    doc: One line for each tile that was not skipped.
    type: string[]
    outputSource: [notify/printed]
    linkMerge: merge_flattened
    pickValue: all_non_null

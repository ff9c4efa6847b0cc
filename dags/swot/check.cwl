cwlVersion: v1.2
class: ExpressionTool
label: Check the results
doc: |
  Compares results that were computed in different ways: passes counted against passes made, shares that must add up, and
  the area of the swaths (2 km cells of each pass) against the visits of the grid. Fails with a plain message when they
  disagree, and gives the main figures otherwise.
requirements:
  InlineJavascriptRequirement: {}
  SchemaDefRequirement:
    types:
      - $import: types.yml
inputs:
  summary:
    type: File
    label: Summary
    doc: Statistics of the grid (coverage_statistics.cwl).
    loadContents: true
  coverage:
    type:
      type: array
      items: "types.yml#Coverage"
    label: Coverage
    doc: What each pass covers.
  passes:
    type:
      type: array
      items: "types.yml#Pass"
    label: Candidate passes
    doc: All candidates.
  total:
    type: int
    label: All passes
    doc: Number of passes in the period.
  tolerance:
    type: double
    label: Tolerance
    doc: Largest relative difference between the two ways to compute the area seen, beside some cells for each pass.
    default: 0.03
expression: |
  ${
    var summary = JSON.parse(inputs.summary.contents);
    function require(condition, message) {
      if (!condition) { throw new Error("the results do not agree: " + message); }
    }
    function near(value, other, tolerance) { return Math.abs(value - other) <= tolerance; }
    function sum(values) { return values.reduce(function (left, right) { return left + right; }, 0); }

    var crossing = inputs.passes.filter(function (pass) { return pass.crosses_area; });
    var seen = inputs.coverage.filter(function (each) { return each.area_km2 > 0; });
    require(crossing.length === inputs.coverage.length,
      crossing.length + " passes cross the area, but swaths of " + inputs.coverage.length + " were made");
    require(summary.passes === seen.length,
      "the grid counts " + summary.passes + " passes, but " + seen.length + " see the area");
    require(inputs.passes.length <= inputs.total,
      "there are more candidates (" + inputs.passes.length + ") than passes (" + inputs.total + ")");

    var water = 0, area = 0;
    seen.forEach(function (each) {
      require(each.water_share >= 0 && each.water_share <= 1,
        "the water share of pass " + each.number + " is " + each.water_share);
      water += each.water_share * each.area_km2;
      area += each.area_km2;
    });
    require(near(area, summary.swath_area_km2, 8 * seen.length),
      "the passes see " + area + " square km, the swaths " + summary.swath_area_km2);
    // Both areas are counted in cells. Of each pass the cells at its edge may differ: some of 4 square km, some of the grid.
    var edge = seen.length * (20 + 2 * summary.cell_km2);
    require(near(area, summary.revisit_area_km2, inputs.tolerance * area + edge),
      "the swaths cover " + area + " square km, the grid counts " + summary.revisit_area_km2);

    var shares = sum(summary.histogram.map(function (bin) { return bin.share; }));
    var mean = sum(summary.histogram.map(function (bin) { return bin.share * bin.revisits; }));
    require(near(shares, 1, 0.005), "the shares of the histogram add up to " + shares);
    require(near(mean, summary.mean_revisits, 0.01 + 0.005 * mean),
      "the histogram has " + mean + " revisits on average, the grid " + summary.mean_revisits);

    return {
      figures: {
        passes: inputs.total,
        candidates: inputs.passes.length,
        passes_over_area: summary.passes,
        observed_share: summary.observed_share,
        mean_revisits: summary.mean_revisits,
        water_share: area > 0 ? water / area : 0,
        seconds_in_area: sum(seen.map(function (each) { return each.seconds_in_area; }))
      },
      statement: summary.satellite + " sees " + (100 * summary.observed_share).toFixed(1) + " % of the " + summary.surface + " of " +
        summary.area + " between " + summary.period[0] + " and " + summary.period[1] + ", in " + summary.passes +
        " of " + inputs.total + " passes, on average " + summary.mean_revisits.toFixed(1) + " times."
    };
  }
outputs:
  figures:
    label: Main figures
    doc: Numbers of a planner's first question.
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
  statement:
    type: string
    label: Statement
    doc: The main figures in one sentence.

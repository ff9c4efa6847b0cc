import { describe, expect, it } from "vitest";
import type { Dataset, HistoryRun, Lineage } from "../../api/chronos";
import { asSvg } from "./exporting";
import { FOLD_FROM, MOST_UNFOLDED, byType, datasetId, joined, members, picture, runId } from "./model";

const dataset = (id: number, type = "L2"): Dataset => ({ id, namespace: "file", path: `/d/${id}`, name: `${id}.nc`, type, location: `file:///d/${id}`, size: 1, checksum: "", attributes: {} });
const run = (id: string, step = "ssh", state: HistoryRun["state"] = "COMPLETE"): HistoryRun => ({
  id, job: { namespace: "airflow", name: `w.${step}`, version: "1", kind: "step", workflow: "w", step, image: "" }, state, started: "2026-11-25T00:00:00Z", ended: null,
  duration_seconds: 1, parent: null, attempt: 1, map_index: -1, element: "", target: "local", node: "", exit_code: 0, cpu_seconds: 1, max_rss_bytes: 1, wait_seconds: null, error: "",
});

/** One file that `n` runs read, each writing one product; the file itself was made from another. */
function fan(n: number): Lineage {
  const ids = Array.from({ length: n }, (_, index) => index);
  return {
    datasets: [dataset(1, "AUX"), dataset(2, "RAW"), ...ids.map((i) => dataset(100 + i))],
    runs: [run("make", "make"), ...ids.map((i) => run(`r${i}`, "ssh", i === 0 ? "FAIL" : "COMPLETE"))],
    reads: [{ dataset: 2, run: "make" }, ...ids.map((i) => ({ dataset: 1, run: `r${i}` }))],
    writes: [{ run: "make", dataset: 1 }, ...ids.map((i) => ({ run: `r${i}`, dataset: 100 + i }))],
    shown: 0, at_least: 0, cut: false, summary: "", open: [100, 101],
  };
}

const start = datasetId(1);
const drawn = (lineage: Lineage, unfolded: string[] = []) => picture(lineage, members(lineage, [start]), new Set([start]), new Set(unfolded));

describe("layers", () => {
  it("count from the beginning, backwards below zero", () => {
    const at = new Map(members(fan(3), [start]).map((each) => [each.id, each.layer]));
    expect([datasetId(2), runId("make"), start, runId("r0"), datasetId(100)].map((id) => at.get(id))).toEqual([-2, -1, 0, 1, 2]);
  });
  it("place another input of a run downstream before that run", () => {
    const lineage = fan(1);
    const more = { ...lineage, datasets: [...lineage.datasets, dataset(9)], reads: [...lineage.reads, { dataset: 9, run: "r0" }] };
    expect(members(more, [start]).find((each) => each.id === datasetId(9))?.layer).toBe(0);
  });
});

describe("folding", () => {
  it("leaves few alone", () => expect(drawn(fan(FOLD_FROM - 1)).folded).toBe(0));
  it("makes one node of many that are alike", () => {
    const { nodes, edges, folded } = drawn(fan(1000));
    expect(nodes.map((node) => node.members.length).sort((a, b) => a - b)).toEqual([1, 1, 1, 1000, 1000]);
    expect([edges.length, folded]).toEqual([4, 2000]);
  });
  it("draws a bounded number of an unfolded group", () => {
    const group = drawn(fan(1000)).nodes.find((node) => node.kind === "run" && node.members.length === 1000);
    expect(drawn(fan(1000), [group?.id ?? ""]).nodes.filter((node) => node.kind === "run" && node.members.length === 1)).toHaveLength(MOST_UNFOLDED + 1);
  });
  it("never folds the beginning", () => expect(drawn(fan(50)).nodes.filter((node) => node.start)).toHaveLength(1));
});

describe("answers together", () => {
  it("hold each node once, open where nobody asked on", () => {
    const both = joined([fan(3), fan(5)], new Set([100]));
    expect([both.datasets.length, both.runs.length, both.open]).toEqual([7, 6, [101]]);
  });
});

it("counts products by type on each side", () => {
  const all = members(fan(12), [start]);
  expect([byType(all, 1), byType(all, -1)]).toEqual([[["L2", 12]], [["RAW", 1]]]);
});

it("writes names into the exported picture as text", () => {
  const lineage = { ...fan(1), datasets: [{ ...dataset(1), name: '<script>"&' }, dataset(2), dataset(100)] };
  const shown = drawn(lineage);
  const svg = asSvg(shown, new Map(shown.nodes.map((node, i) => [node.id, { x: i * 300, y: 0, width: 230, height: 50 }])));
  expect(svg).toContain("&lt;script&gt;&quot;&amp;");
  expect(svg).not.toContain("<script");
});

/** From a part of the history to what is drawn: one node for each dataset and run, or one for many alike. */
import type { Dataset, HistoryRun, Lineage } from "../../api/chronos";

export interface Member {
  readonly id: string;
  readonly kind: "dataset" | "run";
  readonly label: string;
  /** Product type, or the job's name. */
  readonly type: string;
  readonly state: string | null;
  readonly dataset: Dataset | null;
  readonly run: HistoryRun | null;
  /** Runs and datasets between it and the beginning; negative before it. */
  readonly layer: number;
  /** Whether there is more to ask for behind it. */
  readonly open: boolean;
}

export interface LineageNode {
  readonly id: string;
  readonly kind: "dataset" | "run";
  readonly label: string;
  readonly type: string;
  /** The members that it stands for; one: itself. */
  readonly members: readonly Member[];
  readonly start: boolean;
}

export interface LineagePicture {
  readonly nodes: readonly LineageNode[];
  readonly edges: readonly { readonly id: string; readonly from: string; readonly to: string }[];
  /** Members that stand in a folded node. */
  readonly folded: number;
}

/** More alike than this in one column become one node. */
export const FOLD_FROM = 7;
/** Members of an unfolded group that are drawn one by one; the rest stays folded. */
export const MOST_UNFOLDED = 60;

export const datasetId = (id: number): string => `d${id}`;
export const runId = (id: string): string => `r${id}`;

/** Put answers together: the same node once, open only where no answer went on from it. */
export function joined(parts: readonly Lineage[], asked: ReadonlySet<number>): Lineage {
  const datasets = new Map<number, Dataset>();
  const runs = new Map<string, HistoryRun>();
  const reads = new Map<string, Lineage["reads"][number]>();
  const writes = new Map<string, Lineage["writes"][number]>();
  for (const part of parts) {
    for (const each of part.datasets) datasets.set(each.id, each);
    for (const each of part.runs) runs.set(each.id, each);
    for (const each of part.reads) reads.set(`${each.dataset}>${each.run}`, each);
    for (const each of part.writes) writes.set(`${each.run}>${each.dataset}`, each);
  }
  const open = new Set(parts.flatMap((part) => part.open).filter((id) => !asked.has(id)));
  return {
    datasets: [...datasets.values()], runs: [...runs.values()], reads: [...reads.values()], writes: [...writes.values()],
    shown: datasets.size + runs.size, at_least: Math.max(datasets.size + runs.size, ...parts.map((part) => part.at_least)),
    cut: parts.some((part) => part.cut), summary: parts[0]?.summary ?? "", open: [...open],
  };
}

/** All nodes with their distance from where the question began. */
export function members(lineage: Lineage, starts: readonly string[]): Member[] {
  const [onward, backward] = neighbours(lineage);
  const layers = new Map<string, number>(starts.map((id) => [id, 0]));
  for (const [edges, step] of [[onward, 1], [backward, -1]] as const) spread(starts, edges, step, layers);
  // What is reached only by turning round, such as another input of a run downstream.
  const front = [...layers.keys()];
  for (let id = front.shift(); id !== undefined; id = front.shift()) {
    for (const [edges, step] of [[onward, 1], [backward, -1]] as const) {
      for (const other of edges.get(id) ?? []) {
        if (layers.has(other)) continue;
        layers.set(other, (layers.get(id) ?? 0) + step);
        front.push(other);
      }
    }
  }
  const open = new Set(lineage.open);
  return [
    ...lineage.datasets.map((dataset): Member => ({
      id: datasetId(dataset.id), kind: "dataset", label: dataset.name, type: dataset.type, state: null, dataset, run: null,
      layer: layers.get(datasetId(dataset.id)) ?? 0, open: open.has(dataset.id),
    })),
    ...lineage.runs.map((run): Member => ({
      id: runId(run.id), kind: "run", label: run.job.step || run.job.workflow || run.job.name, type: run.job.name, state: run.state, dataset: null, run,
      layer: layers.get(runId(run.id)) ?? 0, open: false,
    })),
  ];
}

function neighbours(lineage: Lineage): [Map<string, string[]>, Map<string, string[]>] {
  const onward = new Map<string, string[]>();
  const backward = new Map<string, string[]>();
  for (const { from, to } of links(lineage)) {
    append(onward, from, to);
    append(backward, to, from);
  }
  return [onward, backward];
}

/** Add to a list by key. */
export function append(lists: Map<string, string[]>, key: string, value: string): void {
  const known = lists.get(key);
  if (known) known.push(value);
  else lists.set(key, [value]);
}

export function links(lineage: Lineage): { from: string; to: string }[] {
  return [
    ...lineage.reads.map(({ dataset, run }) => ({ from: datasetId(dataset), to: runId(run) })),
    ...lineage.writes.map(({ run, dataset }) => ({ from: runId(run), to: datasetId(dataset) })),
  ];
}

function spread(starts: readonly string[], edges: ReadonlyMap<string, readonly string[]>, step: number, layers: Map<string, number>): void {
  let front = [...starts];
  for (let layer = step; front.length > 0; layer += step) {
    const next: string[] = [];
    for (const id of front) {
      for (const to of edges.get(id) ?? []) {
        if (layers.has(to)) continue;
        layers.set(to, layer);
        next.push(to);
      }
    }
    front = next;
  }
}

/** Fold what is alike: the same kind and type, as far from the beginning. */
export function picture(lineage: Lineage, all: readonly Member[], starts: ReadonlySet<string>, unfolded: ReadonlySet<string>): LineagePicture {
  const groups = new Map<string, Member[]>();
  for (const member of all) {
    const key = starts.has(member.id) ? member.id : `${member.layer}|${member.kind}|${member.type}`;
    const known = groups.get(key);
    if (known) known.push(member);
    else groups.set(key, [member]);
  }
  const nodes: LineageNode[] = [];
  const nodeOf = new Map<string, string>();
  const add = (id: string, found: readonly Member[]): void => {
    const first = found[0];
    if (!first) return;
    nodes.push({ id, kind: first.kind, label: found.length === 1 || first.kind === "run" ? first.label : first.type || first.label, type: first.type, members: found, start: starts.has(first.id) });
    for (const member of found) nodeOf.set(member.id, id);
  };
  for (const [key, found] of groups) {
    const shown = found.length < FOLD_FROM ? found.length : unfolded.has(key) ? Math.min(found.length, MOST_UNFOLDED) : 0;
    for (const member of found.slice(0, shown)) add(member.id, [member]);
    const rest = found.slice(shown);
    if (rest.length > 0) add(key, rest);
  }
  const edges = new Map<string, { id: string; from: string; to: string }>();
  for (const link of links(lineage)) {
    const [from, to] = [nodeOf.get(link.from), nodeOf.get(link.to)];
    if (from && to && from !== to) edges.set(`${from}→${to}`, { id: `${from}→${to}`, from, to });
  }
  return { nodes, edges: [...edges.values()], folded: nodes.reduce((sum, node) => sum + (node.members.length > 1 ? node.members.length : 0), 0) };
}

/** How many datasets of each type lie on one side, the most first. */
export function byType(all: readonly Member[], side: 1 | -1): [string, number][] {
  const found = new Map<string, number>();
  for (const member of all) {
    if (member.kind !== "dataset" || Math.sign(member.layer) !== side) continue;
    found.set(member.type, (found.get(member.type) ?? 0) + 1);
  }
  return [...found].sort((a, b) => b[1] - a[1]);
}

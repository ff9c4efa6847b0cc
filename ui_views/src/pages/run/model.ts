/** From a task graph and a run's task instances to what is drawn: one box a step, whatever tasks carry it. */
import type { TaskInstance } from "../../api/airflow";
import type { GraphTask, TaskGraph } from "../../api/chronos";
import { tally, type Tally } from "../../ui/state";

export interface Box {
  /** Task or group id; `chronos.inputs` and `chronos.outputs` are the ends. */
  readonly id: string;
  readonly kind: "end" | "step" | "subworkflow";
  readonly name: string;
  readonly label: string;
  readonly doc: string | null;
  readonly runs: string;
  /** Enclosing unfolded subworkflow. */
  readonly parent: string | null;
  readonly scattered: boolean;
  readonly folded: boolean;
  readonly counts: Tally;
  /** Of all the box's instances, together. */
  readonly state: string | null;
  readonly task: GraphTask | null;
}

export interface Drawing {
  readonly boxes: readonly Box[];
  readonly edges: readonly { readonly id: string; readonly from: string; readonly to: string }[];
}

/** Instances by task id, made once for all that look one up. */
export type ByTask = ReadonlyMap<string, readonly TaskInstance[]>;

export function byTask(instances: readonly TaskInstance[]): ByTask {
  const found = new Map<string, TaskInstance[]>();
  for (const each of instances) {
    const list = found.get(each.task_id);
    if (list) list.push(each);
    else found.set(each.task_id, [each]);
  }
  return found;
}

/** The state that stands for many: what wants attention first, success only where all succeeded or were skipped. */
export function together(counts: Tally): string | null {
  const order = ["failed", "upstream_failed", "up_for_retry", "awaiting_input", "running", "restarting", "deferred",
    "up_for_reschedule", "queued", "scheduled"];
  const loud = order.find((state) => (counts[state] ?? 0) > 0);
  if (loud) return loud;
  if ((counts["none"] ?? 0) > 0) return (counts["success"] ?? 0) > 0 ? "running" : null;
  if ((counts["success"] ?? 0) > 0) return "success";
  return Object.keys(counts)[0] ?? null;
}

/**
 * Lay the graph out as boxes and edges.
 *
 * @param open Ids of the subworkflows that are unfolded; another one stands as one box.
 */
export function draw(graph: TaskGraph, instances: ByTask, open: ReadonlySet<string>): Drawing {
  const groups = new Map(graph.groups.map((group) => [group.id, group]));
  const scatters = new Set(graph.tasks.filter((task) => task.kind === "scatter").map((task) => task.id));

  /** The outermost folded subworkflow around a group, or null where all around it are unfolded. */
  const foldedAt = (group: string | null): string | null => {
    let found: string | null = null;
    for (let at = group; at !== null; at = groups.get(at)?.parent ?? null) if (!open.has(at)) found = at;
    return found;
  };

  // A scatter task lays out what a step or a subworkflow is run over: it is a part of that box.
  const carrier = new Map<string, string>();
  for (const group of graph.groups) if (group.over) carrier.set(group.over, group.id);
  for (const task of graph.tasks) {
    if (task.kind === "step" && task.over && !carrier.has(task.over)) carrier.set(task.over, task.id);
  }

  const boxOf = (id: string): string => {
    const owner = carrier.get(id) ?? id;
    const group = groups.get(owner);
    const task = graph.tasks.find((each) => each.id === owner);
    return foldedAt(group ? group.parent : (task?.group ?? null)) ?? owner;
  };

  const boxes: Box[] = [];
  for (const group of graph.groups) {
    if (foldedAt(group.parent) !== null) continue;
    const inside = graph.tasks.filter((task) => task.kind === "step" && within(task.group, group.id, groups));
    const counts = tally(inside.flatMap((task) => statesOf(task, instances)));
    boxes.push({
      id: group.id, kind: "subworkflow", name: last(group.step, group.id), label: group.label ?? last(group.step, group.id),
      doc: group.doc, runs: "Workflow", parent: group.parent, scattered: group.over !== null, folded: !open.has(group.id),
      counts, state: together(counts), task: null,
    });
  }
  for (const task of graph.tasks) {
    if (scatters.has(task.id) || foldedAt(task.group) !== null) continue;
    const own = statesOf(task, instances);
    const counts = tally(own);
    const end = task.kind === "inputs" || task.kind === "outputs";
    boxes.push({
      id: task.id, kind: end ? "end" : "step", name: end ? task.kind : last(task.step, task.id),
      label: end ? task.kind : (task.label ?? last(task.step, task.id)), doc: task.doc, runs: task.runs,
      parent: task.group, scattered: task.over !== null && carrier.get(task.over) === task.id, folded: false, counts, state: together(counts), task,
    });
  }
  return { boxes, edges: edgesOf(graph, boxOf, carrier) };
}

function edgesOf(graph: TaskGraph, boxOf: (id: string) => string, carrier: ReadonlyMap<string, string>): Drawing["edges"] {
  const edges = new Map<string, { id: string; from: string; to: string }>();
  for (const task of graph.tasks) {
    const to = boxOf(task.id);
    for (const upstream of task.upstream) {
      // What lies inside of a scattered subworkflow follows its scatter task: the box says so already.
      if (graph.groups.some((group) => group.id === carrier.get(upstream)) && !carrier.has(task.id)) continue;
      const from = boxOf(upstream);
      const id = `${from}→${to}`;
      if (from !== to) edges.set(id, { id, from, to });
    }
  }
  return [...edges.values()];
}

function statesOf(task: GraphTask, instances: ByTask): (string | null)[] {
  const found = instances.get(task.id);
  return found ? found.map((each) => each.state) : [null];
}

function within(group: string | null, wanted: string, groups: ReadonlyMap<string, { readonly parent: string | null }>): boolean {
  for (let at = group; at !== null; at = groups.get(at)?.parent ?? null) if (at === wanted) return true;
  return false;
}

function last(step: readonly string[], id: string): string {
  return step.at(-1) ?? id;
}

/** A run's task instances, kept current by asking only for what changed. */
import { useQuery, type UseQueryResult } from "@tanstack/react-query";
import { client, every } from "../app/live";
import { airflow, type DagRun, type TaskInstance } from "./airflow";
import { get } from "./http";

interface Kept {
  readonly all: readonly TaskInstance[];
  readonly fullAt: number;
  readonly at: number;
}

/** Milliseconds that a change is asked for again, for clocks that differ and writes under way. */
const OVERLAP = 15_000;
/** Milliseconds after which all are read again: what was removed is in no list of changes. */
const FULL = 60_000;

export function isOver(run: DagRun | undefined): boolean {
  return run?.state === "success" || run?.state === "failed";
}

export function useRun(dagId: string, runId: string): UseQueryResult<DagRun> {
  return useQuery({
    queryKey: ["run", dagId, runId],
    queryFn: () => airflow.run(dagId, runId),
    refetchInterval: (query) => (isOver(query.state.data) ? 30_000 : every(3)()),
  });
}

export function useInstances(dagId: string, runId: string, over: boolean): UseQueryResult<readonly TaskInstance[]> {
  const key = ["instances", dagId, runId];
  return useQuery({
    queryKey: key,
    queryFn: async ({ signal }) => fetchOrMerge(dagId, runId, client.getQueryData<Kept>(key), signal),
    refetchInterval: over ? 30_000 : every(3),
    select: all,
  });
}

const all = (kept: Kept): readonly TaskInstance[] => kept.all;

async function fetchOrMerge(dagId: string, runId: string, known: Kept | undefined, signal: AbortSignal): Promise<Kept> {
  const at = Date.now();
  if (!known || at - known.fullAt > FULL) {
    const found = await airflow.instances(dagId, runId, signal);
    return { all: found, fullAt: at, at };
  }
  const changed = await get<{ task_instances: TaskInstance[]; total_entries: number }>(
    `api/v2/dags/${encodeURIComponent(dagId)}/dagRuns/${encodeURIComponent(runId)}/taskInstances`,
    { limit: 100, updated_at_gte: new Date(known.at - OVERLAP).toISOString() },
    signal,
  );
  if (changed.total_entries > changed.task_instances.length) {
    return { all: await airflow.instances(dagId, runId, signal), fullAt: at, at };
  }
  return { all: merge(known.all, changed.task_instances), fullAt: known.fullAt, at };
}

/** Put changed instances in the place of those with the same task and map index; the same list where nothing changed. */
export function merge(known: readonly TaskInstance[], changed: readonly TaskInstance[]): readonly TaskInstance[] {
  if (changed.length === 0) return known;
  const key = (each: TaskInstance): string => `${each.task_id}[${each.map_index}]`;
  const fresh = new Map(changed.map((each) => [key(each), each]));
  const mapped = new Set(changed.filter((each) => each.map_index >= 0).map((each) => each.task_id));
  const kept = known.flatMap((each) => {
    const found = fresh.get(key(each));
    if (found) {
      fresh.delete(key(each));
      return [found];
    }
    // The one instance that stood for all until the scatter was laid out.
    return each.map_index < 0 && mapped.has(each.task_id) ? [] : [each];
  });
  return [...kept, ...fresh.values()];
}

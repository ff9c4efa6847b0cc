/** Actions on many runs: found out first, done after; each run's own answer is kept. */
import { airflow } from "../../api/airflow";
import { chronos, type HistoryRun, type RunQuery } from "../../api/chronos";
import { t } from "../../i18n";

export type Action = "retry" | "cancel";

/** What is done in one DAG run; tasks are named where not all of its failed ones are meant. */
export interface Part {
  readonly dagId: string;
  readonly runId: string;
  readonly tasks: readonly (readonly [string, number] | string)[];
}

export interface Left {
  readonly id: string;
  readonly why: string;
}

export interface Plan {
  readonly parts: readonly Part[];
  /** Task instances that would run again. */
  readonly tasks: number;
  readonly left: readonly Left[];
}

export interface Progress {
  readonly done: number;
  readonly of: number;
}

const AT_A_TIME = 6;

/** Read runs that fit, up to a number of them. */
export async function collect(query: RunQuery, most: number): Promise<HistoryRun[]> {
  const found: HistoryRun[] = [];
  let cursor: string | undefined;
  do {
    const page = await chronos.runs({ ...query, limit: 1000, cursor });
    found.push(...page.runs);
    cursor = page.next ?? undefined;
  } while (cursor !== undefined && found.length < most);
  return found.slice(0, most);
}

/** Say what an action would do. Nothing is changed. */
export async function preview(action: Action, runs: readonly HistoryRun[]): Promise<Plan> {
  const left: Left[] = [];
  const found = await each(runs, async (run) => {
    const why = unfit(action, run);
    if (why) return void left.push({ id: run.id, why });
    const place = (await chronos.historyRun(run.id)).airflow;
    if (!place?.run_id) return void left.push({ id: run.id, why: t("It is no run of this Airflow any more.") });
    return { dagId: place.dag_id, runId: place.run_id, task: place.task_id, mapIndex: place.map_index };
  });
  const parts = grouped(found.flatMap((result) => (result.value ? [result.value] : [])));
  for (const result of found) if (result.error) left.push({ id: result.item.id, why: result.error });
  if (action === "cancel") return { parts, tasks: 0, left };
  const counted = await each(parts, async (part) => (await airflow.clear(part.dagId, part.runId, options(part, true))).total_entries);
  const kept = counted.filter((result) => (result.value ?? 0) > 0);
  for (const result of counted) {
    if ((result.value ?? 0) === 0) left.push({ id: result.item.runId, why: result.error ?? t("Nothing of it has failed.") });
  }
  return { parts: kept.map((result) => result.item), tasks: kept.reduce((sum, result) => sum + (result.value ?? 0), 0), left };
}

/** Do it; what one run refuses does not keep the others from it. */
export async function act(action: Action, parts: readonly Part[], tell: (progress: Progress) => void): Promise<{ done: number; failed: Left[] }> {
  let done = 0;
  const results = await each(parts, async (part) => {
    await (action === "retry" ? airflow.clear(part.dagId, part.runId, options(part, false)) : chronos.cancel(part.dagId, part.runId));
    tell({ done: (done += 1), of: parts.length });
  });
  return { done, failed: results.flatMap((result) => (result.error ? [{ id: result.item.runId, why: result.error }] : [])) };
}

function unfit(action: Action, run: HistoryRun): string | null {
  const over = run.ended !== null;
  if (action === "cancel") return over ? t("It has ended.") : null;
  return run.state === "COMPLETE" || run.state === "SKIPPED" ? t("It succeeded.") : null;
}

function options(part: Part, dryRun: boolean): Readonly<Record<string, unknown>> {
  return { dry_run: dryRun, only_failed: true, reset_dag_runs: true, ...(part.tasks.length > 0 ? { task_ids: part.tasks } : {}) };
}

interface Place {
  readonly dagId: string;
  readonly runId: string;
  readonly task: string | null;
  readonly mapIndex: number;
}

/** One part a DAG run; a whole run that is chosen stands for its tasks. */
export function grouped(places: readonly Place[]): Part[] {
  const found = new Map<string, { dagId: string; runId: string; tasks: Map<string, readonly [string, number] | string> | null }>();
  for (const place of places) {
    const key = `${place.dagId}\n${place.runId}`;
    const known = found.get(key) ?? { dagId: place.dagId, runId: place.runId, tasks: new Map() };
    found.set(key, known);
    if (place.task === null) known.tasks = null;
    else known.tasks?.set(`${place.task}[${place.mapIndex}]`, place.mapIndex < 0 ? place.task : [place.task, place.mapIndex]);
  }
  return [...found.values()].map(({ dagId, runId, tasks }) => ({ dagId, runId, tasks: [...(tasks?.values() ?? [])] }));
}

interface Result<Item, Value> {
  readonly item: Item;
  readonly value?: Value;
  readonly error?: string;
}

/** Ask for each, a few at a time. */
async function each<Item, Value>(items: readonly Item[], ask: (item: Item) => Promise<Value>): Promise<Result<Item, Value>[]> {
  const results: Result<Item, Value>[] = [];
  let next = 0;
  const worker = async (): Promise<void> => {
    for (;;) {
      const index = next++;
      const item = items[index];
      if (item === undefined) return;
      try {
        results[index] = { item, value: await ask(item) };
      } catch (error) {
        results[index] = { item, error: error instanceof Error ? error.message : String(error) };
      }
    }
  };
  await Promise.all(Array.from({ length: AT_A_TIME }, worker));
  return results;
}

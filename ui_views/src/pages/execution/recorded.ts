/** What the history has of an execution: it knows its node, target, context and usage when the files are gone. */
import { useQuery } from "@tanstack/react-query";
import type { TaskInstance } from "../../api/airflow";
import { chronos, type CwlObject, type HistoryRun } from "../../api/chronos";
import type { Place } from "./place";

export interface Recorded {
  readonly run: HistoryRun | undefined;
  readonly context: CwlObject | undefined;
}

export function useRecorded(place: Place, instance: TaskInstance, tryNumber: number): Recorded {
  const { dagId, runId, taskId, mapIndex } = place;
  const whole = useQuery({ queryKey: ["dagRun", dagId, runId], queryFn: () => chronos.dagRun(dagId, runId), staleTime: Infinity });
  const id = whole.data?.id;
  const parts = useQuery({
    queryKey: ["parts", id, taskId, mapIndex, tryNumber, instance.state], enabled: id !== undefined && !taskId.startsWith("chronos."),
    queryFn: () => find(id ?? "", taskId, mapIndex, tryNumber),
  });
  const run = parts.data ?? undefined;
  const context = useQuery({
    queryKey: ["context", run?.id], enabled: run !== undefined, retry: false, staleTime: 60_000,
    queryFn: () => chronos.context(run?.id ?? ""),
  });
  return { run, context: context.data };
}

/** Pages that are read for one execution at most: a scatter of a million has its own page per element in Airflow. */
const MOST_PAGES = 10;

async function find(id: string, taskId: string, mapIndex: number, tryNumber: number): Promise<HistoryRun | null> {
  const step = taskId.split(".").join("/");
  let cursor: string | undefined;
  let same: HistoryRun | null = null;
  for (let page = 0; page < MOST_PAGES; page += 1) {
    const answer = await chronos.executionsOf(id, { step, limit: 500, cursor });
    for (const run of answer.runs) {
      if (run.map_index !== mapIndex) continue;
      if (run.attempt === tryNumber) return run;
      same ??= run;
    }
    if (answer.next === null) break;
    cursor = answer.next;
  }
  return same;
}

/** The part of Airflow's public REST API that the pages use. */
import { get, send } from "./http";

export type DagRunState = "queued" | "running" | "success" | "failed";

export interface DagRun {
  readonly dag_id: string;
  readonly dag_run_id: string;
  readonly dag_display_name: string;
  readonly state: DagRunState;
  readonly queued_at: string | null;
  readonly start_date: string | null;
  readonly end_date: string | null;
  readonly run_type: string;
  readonly triggered_by: string | null;
  readonly triggering_user_name: string | null;
  readonly note: string | null;
  readonly conf: Readonly<Record<string, unknown>> | null;
}

export interface TaskInstance {
  readonly dag_id: string;
  readonly dag_run_id: string;
  readonly task_id: string;
  readonly task_display_name: string;
  readonly map_index: number;
  readonly rendered_map_index: string | null;
  readonly state: string | null;
  readonly start_date: string | null;
  readonly end_date: string | null;
  readonly queued_when: string | null;
  readonly duration: number | null;
  readonly try_number: number;
  readonly max_tries: number;
  readonly hostname: string;
  readonly pool: string;
  readonly queue: string | null;
  readonly operator: string | null;
  readonly note: string | null;
}

export interface Dag {
  readonly dag_id: string;
  readonly dag_display_name: string;
  readonly description: string | null;
  readonly is_paused: boolean;
  readonly is_stale: boolean;
  readonly tags: readonly { readonly name: string }[];
  readonly last_parsed_time: string | null;
  readonly has_import_errors: boolean;
}

/** A field of a DAG's form: its default, what it says of itself, and its JSON Schema. */
export interface Param {
  readonly value: unknown;
  readonly description: string | null;
  readonly schema: Readonly<Record<string, unknown>>;
}

export interface DagDetails extends Dag {
  readonly doc_md: string | null;
  readonly params: Readonly<Record<string, Param>>;
}

export interface Health {
  readonly [component: string]: Readonly<Record<string, string | null>> | undefined;
}

const run = (dagId: string, runId: string) =>
  `api/v2/dags/${encodeURIComponent(dagId)}/dagRuns/${encodeURIComponent(runId)}`;

export const airflow = {
  run: (dagId: string, runId: string) => get<DagRun>(run(dagId, runId)),

  runs: (query: Readonly<Record<string, string | number | readonly string[] | undefined>>) =>
    get<{ dag_runs: DagRun[]; total_entries: number }>("api/v2/dags/~/dagRuns", query),

  /** All task instances of a run, in pages of the largest size that Airflow gives. */
  async instances(dagId: string, runId: string, signal?: AbortSignal): Promise<TaskInstance[]> {
    const found: TaskInstance[] = [];
    for (;;) {
      const page = await get<{ task_instances: TaskInstance[]; total_entries: number }>(
        `${run(dagId, runId)}/taskInstances`,
        { limit: 100, offset: found.length },
        signal,
      );
      found.push(...page.task_instances);
      if (found.length >= page.total_entries || page.task_instances.length === 0) return found;
    }
  },

  instance: (dagId: string, runId: string, taskId: string, mapIndex: number) =>
    get<TaskInstance>(
      `${run(dagId, runId)}/taskInstances/${encodeURIComponent(taskId)}${mapIndex >= 0 ? `/${mapIndex}` : ""}`,
    ),

  tries: (dagId: string, runId: string, taskId: string, mapIndex: number) =>
    get<{ task_instances: TaskInstance[] }>(
      `${run(dagId, runId)}/taskInstances/${encodeURIComponent(taskId)}${mapIndex >= 0 ? `/${mapIndex}` : ""}/tries`,
    ),

  dags: () => get<{ dags: Dag[]; total_entries: number }>("api/v2/dags", { tags: ["cwl"], limit: 100, order_by: "dag_id" }),

  dag: (dagId: string) => get<DagDetails>(`api/v2/dags/${encodeURIComponent(dagId)}/details`),

  health: () => get<Health>("api/v2/monitor/health"),

  importErrors: () =>
    get<{ import_errors: { filename: string; stack_trace: string; timestamp: string }[]; total_entries: number }>(
      "api/v2/importErrors",
    ),

  jobs: () =>
    get<{ jobs: { id: number; job_type: string; state: string; hostname: string; latest_heartbeat: string; start_date: string }[] }>(
      "api/v2/jobs",
      { is_alive: true, limit: 100 },
    ),

  pools: () =>
    get<{
      pools: { name: string; slots: number; occupied_slots: number; running_slots: number; queued_slots: number; open_slots: number }[];
    }>("api/v2/pools"),

  trigger: (dagId: string, conf: Readonly<Record<string, unknown>>, note: string | null) =>
    send<DagRun>("POST", `api/v2/dags/${encodeURIComponent(dagId)}/dagRuns`, { conf, note, logical_date: null }),

  /** Run again what failed; with `dryRun` only say what that would be. */
  clear: (dagId: string, runId: string, options: Readonly<Record<string, unknown>>) =>
    send<{ task_instances: TaskInstance[]; total_entries: number }>(
      "POST",
      `api/v2/dags/${encodeURIComponent(dagId)}/clearTaskInstances`,
      { dag_run_id: runId, ...options },
    ),
};

/** CHRONOS's own REST API, as far as the pages use it. */
import { get, getText, send } from "./http";

export interface GraphTask {
  readonly id: string;
  readonly kind: "inputs" | "scatter" | "step" | "outputs";
  readonly step: readonly string[];
  readonly group: string | null;
  readonly over: string | null;
  readonly upstream: readonly string[];
  readonly label: string | null;
  readonly doc: string | null;
  readonly runs: string;
  readonly file: string | null;
  readonly line: number | null;
}

export interface GraphGroup {
  readonly id: string;
  readonly step: readonly string[];
  readonly parent: string | null;
  readonly over: string | null;
  readonly label: string | null;
  readonly doc: string | null;
}

/** What a drawing of a workflow needs. */
export interface TaskGraph {
  readonly tasks: readonly GraphTask[];
  readonly groups: readonly GraphGroup[];
}

export interface Parameter {
  readonly name: string;
  readonly type: unknown;
  readonly label: string | null;
  readonly doc: string | null;
  readonly required?: boolean;
  readonly default: unknown;
}

export interface Workflow extends TaskGraph {
  readonly dag_id: string;
  readonly file: string;
  readonly doc: string | null;
  readonly label: string | null;
  readonly version: string;
  readonly cwl_version: string;
  readonly process_class: string;
  readonly inputs: readonly Parameter[];
  readonly inputs_schema?: Readonly<Record<string, unknown>>;
  readonly outputs: readonly Parameter[];
}

export interface WorkflowEntry {
  readonly dag_id: string;
  readonly description: string;
  readonly file: string;
  readonly deployed: boolean;
  readonly paused: boolean;
  readonly broken: boolean;
  readonly tags: readonly string[];
}

export interface Source {
  readonly file: string;
  readonly files: readonly string[];
  readonly text: string;
  readonly cut: boolean;
}

export type CwlObject = Readonly<Record<string, unknown>>;

export interface Result {
  readonly status: string;
  readonly inputs: CwlObject;
  readonly outputs: CwlObject;
  readonly command?: readonly string[] | null;
  readonly exit_code?: number | null;
  readonly usage?: { readonly cpu_seconds?: number; readonly max_rss_bytes?: number; readonly wall_seconds?: number } | null;
  readonly work?: string | null;
}

export interface Execution {
  readonly key: readonly { readonly step: string; readonly element: number | null }[];
  readonly result: Result | null;
}

export type RunState = "UNKNOWN" | "RUNNING" | "COMPLETE" | "FAIL" | "ABORT" | "SKIPPED";

export interface Job {
  readonly namespace: string;
  readonly name: string;
  readonly version: string;
  readonly kind: "workflow" | "step" | "other";
  readonly workflow: string;
  readonly step: string;
  readonly image: string;
}

/** A run of the history: a workflow's, or one execution of a step. */
export interface HistoryRun {
  readonly id: string;
  readonly job: Job;
  readonly state: RunState;
  readonly started: string;
  readonly ended: string | null;
  readonly duration_seconds: number | null;
  readonly parent: string | null;
  readonly attempt: number;
  readonly map_index: number;
  readonly element: string;
  readonly target: string;
  readonly node: string;
  readonly exit_code: number | null;
  readonly cpu_seconds: number | null;
  readonly max_rss_bytes: number | null;
  readonly wait_seconds: number | null;
  readonly error: string;
}

export interface Dataset {
  readonly id: number;
  readonly namespace: string;
  readonly path: string;
  readonly name: string;
  readonly type: string;
  readonly location: string;
  readonly size: number | null;
  readonly checksum: string;
  readonly attributes: Readonly<Record<string, string>>;
}

export interface HistoryRunDetail extends HistoryRun {
  readonly links: readonly { readonly direction: "input" | "output"; readonly port: string; readonly dataset: Dataset }[];
  readonly facets: Readonly<Record<string, unknown>>;
  readonly airflow: { readonly dag_id: string; readonly run_id: string | null; readonly task_id: string | null; readonly map_index: number } | null;
}

export interface DatasetDetail extends Dataset {
  readonly version: number | null;
  readonly locations: readonly string[];
  readonly facets: Readonly<Record<string, unknown>>;
  readonly producer: HistoryRun | null;
}

/** How many ended runs fit: by facet and value, the most frequent first. */
export type Counts = Readonly<Record<string, Readonly<Record<string, number>>>>;

export interface RunPage {
  readonly runs: readonly HistoryRun[];
  readonly next: string | null;
}

export type RunQuery = Readonly<Record<string, string | number | undefined>>;

export interface Lineage {
  readonly datasets: readonly Dataset[];
  readonly runs: readonly HistoryRun[];
  readonly reads: readonly { readonly dataset: number; readonly run: string }[];
  readonly writes: readonly { readonly run: string; readonly dataset: number }[];
  readonly shown: number;
  readonly at_least: number;
  readonly cut: boolean;
  readonly summary: string;
  readonly open: readonly number[];
}

export interface SearchResult {
  readonly datasets: readonly Dataset[];
  readonly runs: readonly HistoryRun[];
  readonly workflows: readonly { readonly dag_id: string; readonly description: string }[];
  readonly more: boolean;
}

export interface Target {
  readonly name: string;
  readonly kind: string;
  readonly description: string;
  readonly bounds: { readonly max_in_flight: number; readonly max_cores: number | null; readonly max_ram: number | null };
  readonly breaker: "" | "closed" | "half-open" | "open";
  readonly error: string;
  readonly in_flight: number;
  readonly waiting: number;
  readonly waiting_seconds: number | null;
}

/** What was done in a period by one job, with one end. */
export interface Bucket {
  readonly period: string;
  readonly workflow: string;
  readonly step: string;
  readonly state: RunState;
  readonly runs: number;
  readonly cpu_seconds: number;
  readonly duration_seconds: number;
  readonly outputs: number;
  readonly output_bytes: number;
}

export interface LogLine {
  readonly event: string;
  readonly timestamp: string | null;
  readonly level: string;
  readonly logger: string;
  readonly error: readonly string[];
}

export interface Log {
  readonly lines: readonly LogLine[];
  readonly total: number;
  readonly offset: number;
  readonly complete: boolean;
  readonly try_number: number;
}

export interface Difference {
  readonly what: string;
  readonly first: unknown;
  readonly second: unknown;
}

export interface Placement {
  readonly step: string;
  readonly target: string | null;
  readonly why: string;
}

const V1 = "chronos/api/v1";
const dag = (dagId: string): string => `${V1}/dags/${encodeURIComponent(dagId)}`;
const run = (dagId: string, runId: string): string => `${dag(dagId)}/runs/${encodeURIComponent(runId)}`;
const workflow = (dagId: string): string => `${V1}/workflows/${encodeURIComponent(dagId)}`;

export const chronos = {
  workflows: (text = "") => get<{ workflows: WorkflowEntry[]; next: string | null }>(`${V1}/workflows`, { text, limit: 200 }),
  workflow: (dagId: string) => get<Workflow>(workflow(dagId)),
  placement: (dagId: string) => get<{ steps: Placement[] }>(`${workflow(dagId)}/placement`),
  source: (dagId: string, file: string) => get<Source>(`${workflow(dagId)}/source`, { file }),
  start: (dagId: string, inputs: CwlObject) => send<{ run_id: string }>("POST", `${workflow(dagId)}/runs`, { inputs, unpause: false }),

  runs: (query: RunQuery, signal?: AbortSignal) => get<RunPage>(`${V1}/runs`, query, signal),
  facets: (query: RunQuery, signal?: AbortSignal) => get<{ counts: Counts }>(`${V1}/runs/facets`, query, signal),
  historyRun: (id: string) => get<HistoryRunDetail>(`${V1}/runs/${id}`),
  activity: (since: Date, until: Date, by: "day" | "hour") =>
    get<{ buckets: Bucket[] }>(`${V1}/activity`, { since: since.toISOString(), until: until.toISOString(), by }),
  targets: () => get<{ targets: Target[] }>(`${V1}/targets`),

  search: (q: string) => get<SearchResult>(`${V1}/search`, { q, limit: 50 }),
  dataset: (id: number) => get<DatasetDetail>(`${V1}/datasets/${id}`),
  datasets: (query: RunQuery) => get<{ datasets: Dataset[]; next: string | null }>(`${V1}/datasets`, query),
  datasetsAt: (location: string) => get<{ datasets: Dataset[] }>(`${V1}/datasets/at`, { location }),
  lineage: (query: Readonly<Record<string, string | number | readonly string[] | undefined>>) => get<Lineage>(`${V1}/lineage`, query),

  dagRun: (dagId: string, runId: string) => get<{ id: string }>(run(dagId, runId)),
  cancel: (dagId: string, runId: string) => send<unknown>("POST", `${run(dagId, runId)}/cancel`),
  /** Executions of one step of a workflow's run, by the run's id in the history. */
  executionsOf: (id: string, query: RunQuery) => get<RunPage>(`${V1}/runs/${id}/executions`, query),
  context: (id: string) => get<CwlObject>(`${V1}/runs/${id}/context`),
  diff: (id: string, other: string) => get<{ differences: Difference[] }>(`${V1}/runs/${id}/diff/${other}`),
  log: (dagId: string, runId: string, taskId: string, query: RunQuery, signal?: AbortSignal) =>
    get<Log>(`${run(dagId, runId)}/tasks/${encodeURIComponent(taskId)}/log`, query, signal),
  inputs: (dagId: string, runId: string) => get<CwlObject>(`${run(dagId, runId)}/inputs`),
  outputs: (dagId: string, runId: string) => get<CwlObject>(`${run(dagId, runId)}/outputs`),
  error: (dagId: string, runId: string) => get<Readonly<Record<string, unknown>>>(`${run(dagId, runId)}/error`),
  executions: (dagId: string, runId: string, taskId: string, over: string | null, mapIndex: number) =>
    get<Execution[]>(`${run(dagId, runId)}/tasks/${encodeURIComponent(taskId)}/executions`, { over, map_index: mapIndex }),
  fileAddress: (dagId: string, runId: string) => `${run(dagId, runId)}/file`,
  fileText: (dagId: string, runId: string, location: string) => getText(`${run(dagId, runId)}/file`, { location }),
};

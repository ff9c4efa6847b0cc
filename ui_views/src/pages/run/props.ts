/** What each tab of a run is given. */
import type { DagRun, TaskInstance } from "../../api/airflow";
import type { Workflow } from "../../api/chronos";

export interface RunProps {
  readonly run: DagRun;
  readonly document: Workflow | null;
  readonly instances: readonly TaskInstance[];
}

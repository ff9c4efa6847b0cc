/** Where the pages stand: below which address the server answers, and which place of Airflow shows them. */

/** Root of the API server, with a slash at the end. The bundle lies at ROOT/chronos/ui/assets/NAME. */
export const root: string = import.meta.url.includes("/chronos/ui/assets/")
  ? new URL(/* @vite-ignore */ "../../../", import.meta.url).href
  : "/";

/** What Airflow gives to a plugin's component: what stands in the address of the page that it is on. */
export interface HostProps {
  readonly dagId?: string | undefined;
  readonly runId?: string | undefined;
  readonly taskId?: string | undefined;
  readonly mapIndex?: number | string | undefined;
}

/** Whether the pages stand alone (/chronos/ui) and not in Airflow's interface. */
export function alone(): boolean {
  return document.getElementById("chronos") !== null;
}

/** Address of a page of CHRONOS for the router: inside Airflow they lie below its plugin page. */
export function pageHref(path: string): string {
  const local = path.startsWith("/") ? path : `/${path}`;
  return alone() ? local : `/plugin/chronos${local === "/" ? "" : local}`;
}

/** Address of a page of Airflow's own, from the server's root. */
export function airflowHref(path: string): string {
  return root + path.replace(/^\//, "");
}

/** Path of a run's page. */
export function runPath(dagId: string, runId: string, tab = ""): string {
  return `/runs/${encodeURIComponent(dagId)}/${encodeURIComponent(runId)}${tab ? `/${tab}` : ""}`;
}

/** Path of the page of one execution. */
export function executionPath(dagId: string, runId: string, taskId: string, mapIndex = -1): string {
  const parts = [dagId, runId, taskId, String(mapIndex)].map(encodeURIComponent);
  return `/executions/${parts.join("/")}`;
}

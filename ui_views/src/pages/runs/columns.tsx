/** Columns of a list of runs of the history. */
import type { ColumnDef } from "@tanstack/react-table";
import type { HistoryRun } from "../../api/chronos";
import { duration } from "../../format";
import { t } from "../../i18n";
import { Time, To } from "../../ui/basics";
import { State, fromHistory } from "../../ui/state";
import type { Kind } from "./query";

export function recordPath(id: string): string {
  return `/records/${encodeURIComponent(id)}`;
}

/** What a run is called: its workflow, or its step with its element. */
export function nameOf(run: HistoryRun): string {
  const step = run.job.step || run.job.workflow || run.job.name;
  return run.map_index >= 0 ? `${step} [${run.element || run.map_index}]` : step;
}

export function columns(rows: readonly HistoryRun[], kind: Kind): ColumnDef<HistoryRun>[] {
  const usual = usualDurations(rows);
  const all: (ColumnDef<HistoryRun> & { readonly of?: Kind })[] = [
    { id: "state", header: t("State"), accessorFn: (run) => run.state, cell: ({ row }) => <State state={fromHistory(row.original.state)} />, meta: { width: "96px" } },
    { id: "name", header: kind === "workflow" ? t("Workflow") : t("Step"), accessorFn: nameOf, cell: ({ row }) => <To path={recordPath(row.original.id)} title={nameOf(row.original)}>{nameOf(row.original)}</To>, meta: { width: "minmax(140px, 2fr)" } },
    { id: "workflow", of: "step", header: t("Workflow"), accessorFn: (run) => run.job.workflow, meta: { width: "minmax(120px, 1fr)" } },
    { id: "started", header: t("Started (UTC)"), accessorFn: (run) => run.started, cell: ({ row }) => <Time at={row.original.started} />, meta: { width: "155px", numeric: true } },
    { id: "took", header: t("Took"), accessorFn: (run) => run.duration_seconds ?? -1, cell: ({ row }) => <Took run={row.original} usual={usual.get(row.original.job.name)} />, meta: { width: "112px", numeric: true } },
    { id: "why", header: t("Why"), accessorFn: (run) => run.error, cell: ({ row }) => <Why run={row.original} />, meta: { width: "minmax(120px, 2fr)" } },
    { id: "target", of: "step", header: t("Target"), accessorFn: (run) => run.target, meta: { width: "minmax(90px, 1fr)" } },
    { id: "node", of: "step", header: t("Node"), accessorFn: (run) => run.node, cell: ({ row }) => <span className="mono">{row.original.node || "–"}</span>, meta: { width: "minmax(90px, 1fr)" } },
  ];
  return all.filter((column) => column.of === undefined || kind !== "workflow");
}

function Why({ run }: { readonly run: HistoryRun }): React.ReactNode {
  if (!run.error) return null;
  return <span title={run.error}>{run.exit_code ? <span className="mono">{run.exit_code} </span> : null}{run.error}</span>;
}

const STRANGE = 2;

function Took({ run, usual }: { readonly run: HistoryRun; readonly usual: number | undefined }): React.ReactNode {
  const took = run.duration_seconds;
  const ratio = took !== null && usual ? took / usual : 1;
  return (
    <>
      {ratio >= STRANGE && <span className="late small" title={t("The usual one takes {duration}", { duration: duration(usual) })}>{ratio.toFixed(1)}× </span>}
      {took === null ? t("running") : duration(took)}
    </>
  );
}

const ENOUGH = 5;

/** The median of the successful ones in sight, by job. */
function usualDurations(rows: readonly HistoryRun[]): ReadonlyMap<string, number> {
  const found = new Map<string, number[]>();
  for (const run of rows) {
    if (run.duration_seconds === null || run.state !== "COMPLETE") continue;
    const known = found.get(run.job.name);
    if (known) known.push(run.duration_seconds);
    else found.set(run.job.name, [run.duration_seconds]);
  }
  const medians = new Map<string, number>();
  for (const [job, all] of found) {
    if (all.length < ENOUGH) continue;
    all.sort((a, b) => a - b);
    medians.set(job, all[Math.floor(all.length / 2)] ?? 0);
  }
  return medians;
}

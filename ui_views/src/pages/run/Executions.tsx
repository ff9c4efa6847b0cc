/** All task instances of the run as a table. */
import type { ColumnDef } from "@tanstack/react-table";
import { useMemo, type JSX } from "react";
import { useNavigate, useSearchParams } from "react-router-dom";
import type { TaskInstance } from "../../api/airflow";
import { duration, utc } from "../../format";
import { executionPath, pageHref } from "../../host";
import { DataTable } from "../../ui/DataTable";
import { To } from "../../ui/basics";
import { State, look, ordered, tally } from "../../ui/state";
import type { RunProps } from "./props";

const pathOf = (each: TaskInstance): string => executionPath(each.dag_id, each.dag_run_id, each.task_id, each.map_index);
const idOf = (each: TaskInstance): string => `${each.task_id}[${each.map_index}]`;

const COLUMNS: ColumnDef<TaskInstance>[] = [
  { id: "state", header: "State", accessorFn: (each) => each.state ?? "", cell: ({ row }) => <State state={row.original.state} />, meta: { width: "150px" } },
  { id: "step", header: "Step", accessorFn: (each) => each.task_id, cell: ({ row }) => <To path={pathOf(row.original)}>{row.original.task_display_name}</To>, meta: { width: "minmax(180px, 2fr)" } },
  { id: "element", header: "Element", accessorFn: (each) => each.map_index, cell: ({ row }) => (row.original.map_index < 0 ? "" : row.original.rendered_map_index ?? row.original.map_index), meta: { width: "minmax(110px, 1fr)" } },
  { id: "started", header: "Started (UTC)", accessorFn: (each) => each.start_date ?? "", cell: ({ row }) => utc(row.original.start_date), meta: { width: "160px", numeric: true } },
  { id: "duration", header: "Took", accessorFn: (each) => each.duration ?? -1, cell: ({ row }) => duration(row.original.duration), meta: { width: "100px", numeric: true } },
  { id: "tries", header: "Tries", accessorFn: (each) => each.try_number, meta: { width: "70px", numeric: true } },
  { id: "node", header: "Node", accessorFn: (each) => each.hostname, cell: ({ row }) => <span className="mono">{row.original.hostname || "–"}</span>, meta: { width: "minmax(100px, 1fr)" } },
];

export default function Executions({ instances }: RunProps): JSX.Element {
  const [query, setQuery] = useSearchParams();
  const navigate = useNavigate();
  const state = query.get("state");
  const words = (query.get("find") ?? "").toLowerCase();
  const counts = useMemo(() => tally(instances.map((each) => each.state)), [instances]);
  const rows = useMemo(
    () => instances.filter((each) => (!state || (each.state ?? "none") === state) &&
      (!words || `${each.task_id} ${each.task_display_name} ${each.rendered_map_index ?? ""} ${each.hostname}`.toLowerCase().includes(words))),
    [instances, state, words],
  );
  const set = (name: string, value: string): void => setQuery((before) => {
    if (value) before.set(name, value);
    else before.delete(name);
    return before;
  }, { replace: true });
  return (
    <div className="pane" style={{ padding: 0, display: "flex", flexDirection: "column", overflow: "hidden" }}>
      <div className="row wrap" style={{ padding: "10px 18px" }}>
        <input className="field" type="search" placeholder="Filter by step, element, node" aria-label="Filter" value={query.get("find") ?? ""}
          onChange={(event) => set("find", event.target.value)} style={{ width: 260 }} />
        {ordered(counts).map(([name, n]) => (
          <button key={name} type="button" className="button quiet" aria-pressed={state === name} onClick={() => set("state", state === name ? "" : name)}>
            <State state={name} /> {n}
          </button>
        ))}
        <span className="right small muted">{rows.length} of {instances.length}{state ? ` ${look(state).word}` : ""}</span>
      </div>
      <DataTable label="Task instances" rows={rows} columns={COLUMNS} idOf={idOf} onOpen={(each) => void navigate(pageHref(pathOf(each)))} />
    </div>
  );
}

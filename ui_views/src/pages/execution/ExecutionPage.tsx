/** One execution: what ran, where, what it said, and how it differs from the last that was good. */
import { useQuery } from "@tanstack/react-query";
import { useState, type JSX } from "react";
import { useParams, useSearchParams } from "react-router-dom";
import { airflow, type TaskInstance } from "../../api/airflow";
import { chronos, type Execution, type Workflow } from "../../api/chronos";
import { every } from "../../app/live";
import { airflowHref, runPath, type HostProps } from "../../host";
import { Card, Copied, Duration, Empty, Problem, Skeleton, Time, To, useTitle } from "../../ui/basics";
import { State } from "../../ui/state";
import { Compare } from "./Compare";
import { LogView } from "./LogView";
import { What } from "./What";
import { Where } from "./Where";
import type { Place } from "./place";
import { useRecorded } from "./recorded";

export default function ExecutionPage(): JSX.Element {
  const { dagId = "", runId = "", taskId = "", mapIndex = "-1" } = useParams();
  return <main className="page"><ExecutionView place={{ dagId, runId, taskId, mapIndex: Number(mapIndex) }} /></main>;
}

/** As a tab of Airflow's page of a task instance. */
export function ExecutionTab({ dagId, runId, taskId, mapIndex }: HostProps): JSX.Element {
  if (!dagId || !runId || !taskId) return <Empty title="Choose a task instance" />;
  return <main className="page"><ExecutionView place={{ dagId, runId, taskId, mapIndex: Number(mapIndex ?? -1) }} /></main>;
}

const OVER = new Set(["success", "failed", "skipped", "upstream_failed", "removed"]);

function ExecutionView({ place }: { readonly place: Place }): JSX.Element {
  const { dagId, runId, taskId, mapIndex } = place;
  useTitle(`${taskId} · ${dagId}`);
  const key = [dagId, runId, taskId, mapIndex];
  const instance = useQuery({
    queryKey: ["instance", ...key], queryFn: () => airflow.instance(dagId, runId, taskId, mapIndex),
    refetchInterval: (query) => (OVER.has(query.state.data?.state ?? "") ? false : every(3)()),
  });
  const document = useQuery({ queryKey: ["document", dagId], queryFn: () => chronos.workflow(dagId), staleTime: 60_000 });
  const over = overOf(document.data, taskId);
  const executions = useQuery({
    queryKey: ["executions", ...key, over, instance.data?.state], enabled: !document.isPending,
    queryFn: () => chronos.executions(dagId, runId, taskId, over, mapIndex),
  });
  if (instance.error && !instance.data) return <Problem error={instance.error} what="this execution" retry={() => void instance.refetch()} />;
  if (!instance.data) return <Skeleton rows={10} height={22} />;
  return (
    <div className="stack" style={{ gap: 14 }}>
      <Heading place={place} instance={instance.data} document={document.data} />
      <Tried place={place} instance={instance.data} executions={executions.data ?? []} loading={executions.isPending} problem={executions.error} />
    </div>
  );
}

/** The scatter task over which a task, or a group around it, is mapped. */
export function overOf(document: Workflow | undefined, taskId: string): string | null {
  const task = document?.tasks.find((each) => each.id === taskId);
  return task?.over ?? null;
}

function Heading({ place, instance, document }: { readonly place: Place; readonly instance: TaskInstance; readonly document: Workflow | undefined }): JSX.Element {
  const task = document?.tasks.find((each) => each.id === place.taskId);
  const element = place.mapIndex >= 0 ? ` [${instance.rendered_map_index ?? place.mapIndex}]` : "";
  const address = `dags/${encodeURIComponent(place.dagId)}/runs/${encodeURIComponent(place.runId)}/tasks/${encodeURIComponent(place.taskId)}`;
  return (
    <header className="stack" style={{ gap: 3 }}>
      <div className="row wrap" style={{ gap: 14 }}>
        <h1>{instance.task_display_name}{element}</h1>
        <State state={instance.state} />
        <span className="right row">
          <a className="button" href={airflowHref(place.mapIndex >= 0 ? `${address}/mapped/${place.mapIndex}` : address)}>In Airflow</a>
        </span>
      </div>
      <div className="small muted row wrap" style={{ gap: 14 }}>
        <span>of <To path={runPath(place.dagId, place.runId)}>{document?.label ?? place.dagId} · {place.runId}</To></span>
        <To path={`${runPath(place.dagId, place.runId)}?step=${encodeURIComponent(place.taskId)}`}>in the graph</To>
        {task?.file && <To path={`${runPath(place.dagId, place.runId, "source")}?file=${encodeURIComponent(task.file)}&line=${task.line ?? 1}`}>{task.file}:{task.line}</To>}
        <span>started <Time at={instance.start_date} relative /></span>
        <span>took <Duration seconds={instance.duration} /></span>
      </div>
    </header>
  );
}

function Tried({ place, instance, executions, loading, problem }: {
  readonly place: Place; readonly instance: TaskInstance; readonly executions: readonly Execution[]; readonly loading: boolean; readonly problem: Error | null;
}): JSX.Element {
  const [query, setQuery] = useSearchParams();
  const [element, setElement] = useState(0);
  const tryNumber = Number(query.get("try") ?? instance.try_number);
  const execution = executions[element];
  const recorded = useRecorded(place, instance, tryNumber);
  return (
    <div className="with-rail">
      <div className="stack grow" style={{ gap: 14 }}>
        {instance.state === "failed" && <Why recorded={recorded.run?.error} />}
        {problem && <Problem error={problem} what="what is kept of it" />}
        {executions.length > 1 && (
          <label className="row small">This task instance ran {executions.length} elements:
            <select className="field" value={element} onChange={(event) => setElement(Number(event.target.value))}>
              {executions.map((each, index) => <option key={index} value={index}>{each.key.map((part) => part.step + (part.element === null ? "" : `@${part.element}`)).join("/")}</option>)}
            </select>
          </label>
        )}
        <div className="grid columns">
          <What place={place} execution={execution} context={recorded.context} loading={loading} />
          <Where instance={instance} execution={execution} run={recorded.run} context={recorded.context} />
        </div>
        <LogView place={place} tryNumber={tryNumber} />
      </div>
      <aside className="rail stack" aria-label="Tries and comparison">
        <Tries place={place} instance={instance} tryNumber={tryNumber} onTry={(next) => setQuery((before) => {
          before.set("try", String(next));
          return before;
        })} />
        <Compare run={recorded.run} />
      </aside>
    </div>
  );
}

function Why({ recorded }: { readonly recorded: string | undefined }): JSX.Element | null {
  if (!recorded) return null;
  return (
    <div className="banner bad" role="alert">
      <div className="grow"><strong>It failed: </strong><span style={{ whiteSpace: "pre-line" }}>{recorded}</span></div>
      <Copied text={recorded} />
    </div>
  );
}

function Tries({ place, instance, tryNumber, onTry }: {
  readonly place: Place; readonly instance: TaskInstance; readonly tryNumber: number; readonly onTry: (next: number) => void;
}): JSX.Element {
  const { dagId, runId, taskId, mapIndex } = place;
  const tries = useQuery({
    queryKey: ["tries", dagId, runId, taskId, mapIndex, instance.try_number, instance.state],
    queryFn: () => airflow.tries(dagId, runId, taskId, mapIndex),
  });
  const found = tries.data?.task_instances ?? [instance];
  return (
    <Card title="Tries">
      <ul className="stack" style={{ gap: 4 }}>
        {found.map((each) => (
          <li key={each.try_number}>
            <button type="button" className="button quiet" style={{ width: "100%", justifyContent: "flex-start" }} aria-pressed={each.try_number === tryNumber} onClick={() => onTry(each.try_number)}>
              {each.try_number}. <State state={each.state} /><span className="right"><Duration seconds={each.duration} /></span>
            </button>
          </li>
        ))}
      </ul>
    </Card>
  );
}

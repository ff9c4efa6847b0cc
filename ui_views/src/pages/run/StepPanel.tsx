/** The chosen step: what it is, and its executions as a dense grid of squares. */
import { useMemo, type JSX } from "react";
import type { DagRun, TaskInstance } from "../../api/airflow";
import type { TaskGraph } from "../../api/chronos";
import { duration } from "../../format";
import { executionPath, runPath } from "../../host";
import { Copied, Duration, To } from "../../ui/basics";
import { State, inWords, look } from "../../ui/state";
import type { Box, ByTask } from "./model";

export function StepPanel({ box, run, graph, tasks, onClose, onFold }: {
  readonly box: Box; readonly run: DagRun; readonly graph: TaskGraph | undefined; readonly tasks: ByTask;
  readonly onClose: () => void; readonly onFold: (id: string) => void;
}): JSX.Element {
  const instances = useMemo(() => instancesOf(box, graph, tasks), [box, graph, tasks]);
  const one = instances.length === 1 ? instances[0] : undefined;
  return (
    <aside className="panel" aria-label={`Step ${box.label}`}>
      <div className="row">
        <h2 className="grow">{box.label}</h2>
        <button type="button" className="button quiet" onClick={onClose} aria-label="Close">✕</button>
      </div>
      <div className="row wrap"><State state={box.state} /><span className="small muted">{inWords(box.counts)}</span></div>
      {box.doc && <p className="small muted doc">{box.doc}</p>}
      <dl className="defs small">
        <dt>step</dt><dd className="mono">{box.id} <Copied text={box.id} /></dd>
        {box.runs && <><dt>runs</dt><dd>{box.runs}</dd></>}
        {box.task?.file && (
          <><dt>stands in</dt><dd><To path={`${runPath(run.dag_id, run.dag_run_id, "source")}?file=${encodeURIComponent(box.task.file)}&line=${box.task.line ?? 1}`}>
            {box.task.file}:{box.task.line}</To></dd></>
        )}
        {one && <><dt>took</dt><dd><Duration seconds={one.duration} /></dd><dt>tries</dt><dd>{one.try_number}</dd><dt>node</dt><dd className="mono">{one.hostname || "–"}</dd></>}
      </dl>
      {box.kind === "subworkflow" && box.folded && <button type="button" className="button" onClick={() => onFold(box.id)}>Unfold the subworkflow</button>}
      {one && box.kind !== "subworkflow" && <To className="button primary" path={pathOf(run, one)}>Open the execution</To>}
      {instances.length > 1 && <Squares run={run} instances={instances} />}
    </aside>
  );
}

function Squares({ run, instances }: { readonly run: DagRun; readonly instances: readonly TaskInstance[] }): JSX.Element {
  const loud = instances.filter((each) => each.state === "failed" || each.state === "up_for_retry").slice(0, 20);
  return (
    <>
      {loud.length > 0 && (
        <div>
          <h3>Look here first</h3>
          <ul className="small">{loud.map((each) => (
            <li key={`${each.task_id}${each.map_index}`} className="row"><State state={each.state} /><To path={pathOf(run, each)}>{labelOf(each)}</To></li>
          ))}</ul>
        </div>
      )}
      <h3>{instances.length} executions</h3>
      <div className="squares">
        {instances.map((each) => (
          <To key={`${each.task_id}${each.map_index}`} path={pathOf(run, each)} className={`square tone-${look(each.state).tone}`}
            title={`${labelOf(each)}: ${look(each.state).word}, ${duration(each.duration)}`}>
            <span className="visually-hidden">{labelOf(each)}: {look(each.state).word}</span>
          </To>
        ))}
      </div>
    </>
  );
}

function pathOf(run: DagRun, each: TaskInstance): string {
  return executionPath(run.dag_id, run.dag_run_id, each.task_id, each.map_index);
}

function labelOf(each: TaskInstance): string {
  return each.map_index < 0 ? each.task_display_name : `${each.task_id} [${each.rendered_map_index ?? each.map_index}]`;
}

function instancesOf(box: Box, graph: TaskGraph | undefined, tasks: ByTask): readonly TaskInstance[] {
  if (box.kind !== "subworkflow") return tasks.get(box.id) ?? [];
  const inside = (graph?.tasks ?? []).filter((task) => task.kind === "step" && `${task.id}.`.startsWith(`${box.id}.`));
  return inside.flatMap((task) => tasks.get(task.id) ?? []);
}

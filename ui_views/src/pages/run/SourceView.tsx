/** The document's text with the steps' lines marked by their state. */
import { useQuery } from "@tanstack/react-query";
import { useEffect, useMemo, useRef, type JSX } from "react";
import { useSearchParams } from "react-router-dom";
import { chronos } from "../../api/chronos";
import { runPath } from "../../host";
import { Copied, Problem, Skeleton, To } from "../../ui/basics";
import { StateMark, look, tally } from "../../ui/state";
import { byTask, together } from "./model";
import type { RunProps } from "./props";

export default function SourceView({ run, document, instances }: RunProps): JSX.Element {
  const [query, setQuery] = useSearchParams();
  const file = query.get("file") ?? "";
  const line = Number(query.get("line") ?? 0);
  const source = useQuery({ queryKey: ["source", run.dag_id, file], queryFn: () => chronos.source(run.dag_id, file), staleTime: 60_000 });
  const marked = useRef<HTMLLIElement>(null);
  useEffect(() => marked.current?.scrollIntoView({ block: "center" }), [source.data, line]);

  const steps = useMemo(() => {
    const tasks = byTask(instances);
    const shown = source.data?.file;
    const found = new Map<number, { id: string; state: string | null }>();
    for (const task of document?.tasks ?? []) {
      if (task.kind !== "step" || task.line === null || task.file !== shown) continue;
      found.set(task.line, { id: task.id, state: together(tally((tasks.get(task.id) ?? []).map((each) => each.state))) });
    }
    return found;
  }, [document, instances, source.data?.file]);

  if (source.error) return <div className="pane"><Problem error={source.error} what="the source" retry={() => void source.refetch()} /></div>;
  if (!source.data) return <div className="pane"><Skeleton rows={14} /></div>;
  return (
    <div className="pane" style={{ padding: 0 }}>
      <div className="row wrap" style={{ padding: "10px 18px" }}>
        <label className="row">Document
          <select className="field mono" value={source.data.file} onChange={(event) => setQuery({ file: event.target.value })}>
            {source.data.files.map((each) => <option key={each}>{each}</option>)}
          </select>
        </label>
        <Copied text={source.data.text}>copy text</Copied>
        {source.data.cut && <span className="small muted">The first MiB is shown.</span>}
        <span className="right small muted">As it is now; the run's own version is {document?.version}</span>
      </div>
      <ol className="source" tabIndex={0} aria-label={`Text of ${source.data.file}`}>
        {source.data.text.split("\n").map((text, index) => {
          const step = steps.get(index + 1);
          return (
            <li key={index} ref={index + 1 === line ? marked : undefined} data-marked={index + 1 === line} data-step={step !== undefined}>
              <span className="gutter" aria-hidden="true">{step ? <StateMark state={step.state} size={11} /> : null}<span>{index + 1}</span></span>
              <code>{colour(text)}</code>
              {step && <To className="small" path={`${runPath(run.dag_id, run.dag_run_id)}?step=${encodeURIComponent(step.id)}`}>{look(step.state).word}</To>}
            </li>
          );
        })}
      </ol>
    </div>
  );
}

/** Keys and comments of a YAML line, told apart. */
function colour(text: string): JSX.Element {
  const comment = /^(\s*)(#.*)$/.exec(text);
  if (comment) return <>{comment[1]}<span className="y-comment">{comment[2]}</span></>;
  const key = /^(\s*(?:- )?)([\w$./:-]+|"[^"]*")(:)(?=\s|$)(.*)$/.exec(text);
  if (key) return <>{key[1]}<span className="y-key">{key[2]}</span>{key[3]}{key[4]}</>;
  return <>{text || " "}</>;
}

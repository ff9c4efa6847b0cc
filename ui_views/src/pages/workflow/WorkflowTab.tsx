/** As a tab of Airflow's page of a DAG: the workflow's graph and words, and the way to its runs and its form. */
import { useQuery } from "@tanstack/react-query";
import { useMemo, type JSX } from "react";
import { chronos } from "../../api/chronos";
import type { HostProps } from "../../host";
import { Card, Empty, Problem, Skeleton, To } from "../../ui/basics";
import { GraphPicture } from "../run/GraphPicture";
import { draw } from "../run/model";
import { typeText } from "../../ui/types";

export default function WorkflowTab({ dagId = "" }: HostProps): JSX.Element {
  const workflow = useQuery({ queryKey: ["document", dagId], queryFn: () => chronos.workflow(dagId), enabled: dagId !== "" });
  const drawing = useMemo(() => (workflow.data ? draw(workflow.data, new Map(), new Set()) : null), [workflow.data]);
  if (workflow.error) return <main className="page"><Problem error={workflow.error} what="the workflow" /></main>;
  if (!workflow.data || !drawing) return <main className="page"><Skeleton rows={8} /></main>;
  const { label, doc, inputs, outputs, file, cwl_version: version } = workflow.data;
  return (
    <main className="page stack">
      <div className="row wrap">
        <h1>{label ?? dagId}</h1><span className="mono small muted">{file} · CWL {version}</span>
        <span className="right row">
          <To className="button primary" path={`/start/${encodeURIComponent(dagId)}`}>Start</To>
          <To className="button" path={`/runs?workflow=${encodeURIComponent(dagId)}`}>Runs</To>
        </span>
      </div>
      {doc && <p className="muted" style={{ whiteSpace: "pre-line", maxWidth: "80ch" }}>{doc}</p>}
      <div style={{ height: 380, border: "1px solid var(--line)", borderRadius: 8, overflow: "hidden" }}><GraphPicture drawing={drawing} /></div>
      <div className="grid values">
        <Card title="Inputs"><Parameters_ list={inputs} /></Card>
        <Card title="Outputs"><Parameters_ list={outputs} /></Card>
      </div>
    </main>
  );
}

function Parameters_({ list }: { readonly list: readonly { readonly name: string; readonly label: string | null; readonly doc: string | null; readonly type: unknown }[] }): JSX.Element {
  if (list.length === 0) return <Empty title="None" />;
  return (
    <dl className="parameters">
      {list.map((each) => (
        <div key={each.name}>
          <dt><strong>{each.label ?? each.name}</strong> <span className="mono small muted">{each.name} : {typeText(each.type)}</span></dt>
          {each.doc && <dd className="small muted">{each.doc}</dd>}
        </div>
      ))}
    </dl>
  );
}

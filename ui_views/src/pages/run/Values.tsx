/** What went in and what came out, beside the document's words for it. */
import { useQuery } from "@tanstack/react-query";
import type { JSX } from "react";
import { chronos, type CwlObject, type Parameter } from "../../api/chronos";
import { ApiError } from "../../api/http";
import { isOver } from "../../api/instances";
import { Card, Empty, Problem, Skeleton } from "../../ui/basics";
import { Value } from "../../ui/Value";
import { typeText } from "../../ui/types";
import type { RunProps } from "./props";

export default function Values({ run, document }: RunProps): JSX.Element {
  const { dag_id: dagId, dag_run_id: runId } = run;
  const over = isOver(run);
  const inputs = useQuery({ queryKey: ["inputs", dagId, runId], queryFn: () => chronos.inputs(dagId, runId), staleTime: over ? Infinity : 5000 });
  const outputs = useQuery({ queryKey: ["outputs", dagId, runId, over], queryFn: () => chronos.outputs(dagId, runId), staleTime: over ? Infinity : 5000 });
  return (
    <div className="pane">
      <div className="grid values">
        <Card title="Outputs">
          <Object_ query={outputs} parameters={document?.outputs ?? []} dagId={dagId} runId={runId}
            none={over ? "The run has published no outputs." : "They are published when the last step has ended."} />
        </Card>
        <Card title="Inputs">
          <Object_ query={inputs} parameters={document?.inputs ?? []} dagId={dagId} runId={runId} none="They are checked by the run's first task." />
        </Card>
      </div>
    </div>
  );
}

function Object_({ query, parameters, dagId, runId, none }: {
  readonly query: { readonly data: CwlObject | undefined; readonly error: Error | null };
  readonly parameters: readonly Parameter[]; readonly dagId: string; readonly runId: string; readonly none: string;
}): JSX.Element {
  if (query.error instanceof ApiError && query.error.status === 404) return <Empty title="Nothing yet">{none}</Empty>;
  if (query.error) return <Problem error={query.error} what="these values" />;
  if (!query.data) return <Skeleton rows={6} />;
  const known = new Map(parameters.map((each) => [each.name, each]));
  return (
    <dl className="parameters">
      {Object.entries(query.data).map(([name, value]) => {
        const parameter = known.get(name);
        return (
          <div key={name}>
            <dt><strong>{parameter?.label ?? name}</strong> <span className="mono small muted">{name}{parameter ? ` : ${typeText(parameter.type)}` : ""}</span></dt>
            {parameter?.doc && <dd className="small muted">{parameter.doc}</dd>}
            <dd><Value value={value} dagId={dagId} runId={runId} preview /></dd>
          </div>
        );
      })}
    </dl>
  );
}

/** Why this one is not like the last that was good: causes before effects, as the history finds them. */
import { useQuery } from "@tanstack/react-query";
import { useState, type JSX } from "react";
import { chronos, type HistoryRun } from "../../api/chronos";
import { Card, Problem, Skeleton, Time } from "../../ui/basics";

export function Compare({ run }: { readonly run: HistoryRun | undefined }): JSX.Element {
  const [open, setOpen] = useState(false);
  const good = useQuery({
    queryKey: ["last-good", run?.id], enabled: open && run !== undefined,
    queryFn: async () => {
      const { runs } = await chronos.runs({ workflow: run?.job.workflow, step: run?.job.step, state: "COMPLETE", limit: 20 });
      return runs.find((each) => each.id !== run?.id && each.parent !== run?.parent) ?? runs.find((each) => each.id !== run?.id) ?? null;
    },
  });
  const found = good.data ?? null;
  const differences = useQuery({
    queryKey: ["diff", found?.id, run?.id], enabled: found !== null && run !== undefined,
    queryFn: () => chronos.diff(found?.id ?? "", run?.id ?? ""),
  });
  return (
    <Card title="Compare with the last good one">
      {!open && <button type="button" className="button" disabled={!run} onClick={() => setOpen(true)}>{run ? "Compare" : "Not recorded yet"}</button>}
      {open && (good.error ?? differences.error) && <Problem error={good.error ?? differences.error} what="the comparison" />}
      {open && good.isLoading && <Skeleton rows={3} />}
      {open && good.isSuccess && !found && <p className="small muted">No other execution of this step has succeeded.</p>}
      {found && (
        <div className="stack small">
          <p>Good: <Time at={found.started} /></p>
          {differences.data?.differences.length === 0 && <p>Nothing differs.</p>}
          <ul className="stack" style={{ gap: 8 }}>
            {differences.data?.differences.map((each) => (
              <li key={each.what}>
                <div className="mono">{each.what}</div>
                <div className="was clip" title={text(each.first)}>− {text(each.first)}</div>
                <div className="is clip" title={text(each.second)}>+ {text(each.second)}</div>
              </li>
            ))}
          </ul>
        </div>
      )}
    </Card>
  );
}

function text(value: unknown): string {
  if (value === null || value === undefined) return "not there";
  return typeof value === "string" ? value : JSON.stringify(value);
}

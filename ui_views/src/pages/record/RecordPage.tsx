/** What the history keeps of one run, whether Airflow still knows it or not. */
import { useQuery } from "@tanstack/react-query";
import { type JSX } from "react";
import { useParams } from "react-router-dom";
import { chronos, type HistoryRunDetail } from "../../api/chronos";
import { executionPath, runPath } from "../../host";
import { t } from "../../i18n";
import { Bytes, Card, Copied, Duration, Empty, Problem, Skeleton, Time, To, useTitle } from "../../ui/basics";
import { State, fromHistory } from "../../ui/state";
import { nameOf } from "../runs/columns";
import { runsPath } from "../runs/query";

export default function RecordPage(): JSX.Element {
  const { id = "" } = useParams();
  const run = useQuery({ queryKey: ["record", id], queryFn: () => chronos.historyRun(id) });
  useTitle(run.data ? nameOf(run.data) : t("Run"));
  if (run.error) return <main className="page"><Problem error={run.error} what={t("this run")} retry={() => void run.refetch()} /></main>;
  if (!run.data) return <main className="page"><Skeleton rows={10} /></main>;
  return (
    <main className="page stack">
      <Heading run={run.data} />
      {run.data.error && (
        <div className="banner bad" role="alert">
          <div className="grow"><strong>{t("It failed:")} </strong><span style={{ whiteSpace: "pre-line" }}>{run.data.error}</span></div>
          <Copied text={run.data.error} />
        </div>
      )}
      <div className="grid columns">
        <Products run={run.data} />
        <div className="stack"><Facts run={run.data} /><Parts run={run.data} /></div>
      </div>
    </main>
  );
}

function Heading({ run }: { readonly run: HistoryRunDetail }): JSX.Element {
  const place = run.airflow;
  return (
    <header className="stack" style={{ gap: 3 }}>
      <div className="row wrap" style={{ gap: 14 }}>
        <h1>{nameOf(run)}</h1>
        <State state={fromHistory(run.state)} />
        <span className="right row">
          {run.links.length > 0 && <To className="button" path={`/lineage?run=${run.id}`}>{t("Lineage")}</To>}
          {place?.run_id && (place.task_id
            ? <To className="button primary" path={executionPath(place.dag_id, place.run_id, place.task_id, place.map_index)}>{t("Open the execution")}</To>
            : <To className="button primary" path={runPath(place.dag_id, place.run_id)}>{t("Open the run")}</To>)}
        </span>
      </div>
      <div className="small muted row wrap" style={{ gap: 14 }}>
        <span>{t("started")} <Time at={run.started} relative /></span>
        <span>{t("took")} <Duration seconds={run.duration_seconds} /></span>
        <span className="mono">{run.id}</span><Copied text={run.id} />
        {run.parent && <To path={`/records/${run.parent}`}>{t("part of a run of {workflow}", { workflow: run.job.workflow })}</To>}
      </div>
    </header>
  );
}

function Products({ run }: { readonly run: HistoryRunDetail }): JSX.Element {
  const sides = [["output", t("Outputs")], ["input", t("Inputs")]] as const;
  return (
    <div className="stack">
      {sides.map(([side, title]) => {
        const links = run.links.filter((link) => link.direction === side);
        return (
          <Card key={side} title={title} aside={String(links.length)}>
            {links.length === 0 ? <Empty title={t("None is recorded")} /> : (
              <div style={{ maxHeight: 360, overflow: "auto" }} tabIndex={0} role="region" aria-label={title}>
                <table className="table">
                  <thead><tr><th>{t("Name")}</th><th>{t("Type")}</th><th>{t("Port")}</th><th className="num">{t("Size")}</th></tr></thead>
                  <tbody>
                    {links.map(({ port, dataset }) => (
                      <tr key={`${port}${dataset.id}`}>
                        <td style={{ overflowWrap: "anywhere" }}><To path={`/lineage?dataset=${dataset.id}`} title={dataset.path}>{dataset.name}</To></td>
                        <td>{dataset.type || "–"}</td><td className="mono">{port || "–"}</td><td className="num"><Bytes value={dataset.size} /></td>
                      </tr>
                    ))}
                  </tbody>
                </table>
              </div>
            )}
          </Card>
        );
      })}
    </div>
  );
}

function Facts({ run }: { readonly run: HistoryRunDetail }): JSX.Element {
  const facts: readonly (readonly [string, JSX.Element | string])[] = [
    [t("workflow"), <To key="w" path={runsPath({ workflow: run.job.workflow })}>{run.job.workflow || "–"}</To>],
    [t("step"), run.job.step ? <To key="s" path={runsPath({ workflow: run.job.workflow, step: run.job.step, kind: "step" })}>{run.job.step}</To> : "–"],
    [t("version"), <span key="v" className="mono">{run.job.version || "–"}</span>],
    [t("image"), <span key="i" className="mono">{run.job.image || "–"}</span>],
    [t("target"), run.target || "–"],
    [t("node"), <span key="n" className="mono">{run.node || "–"}</span>],
    [t("attempt"), String(run.attempt)],
    [t("exit code"), <span key="e" className="mono">{run.exit_code ?? "–"}</span>],
    [t("waited"), <Duration key="q" seconds={run.wait_seconds} />],
    [t("CPU time"), <Duration key="c" seconds={run.cpu_seconds} />],
    [t("memory at most"), <Bytes key="m" value={run.max_rss_bytes} />],
  ];
  return (
    <Card title={t("What is recorded")}>
      <dl className="defs small">{facts.map(([name, value]) => [<dt key={`${name}k`}>{name}</dt>, <dd key={`${name}v`}>{value}</dd>])}</dl>
    </Card>
  );
}

function Parts({ run }: { readonly run: HistoryRunDetail }): JSX.Element | null {
  const parts = useQuery({ queryKey: ["record-parts", run.id], queryFn: () => chronos.executionsOf(run.id, { limit: 100 }), enabled: run.job.kind === "workflow" });
  const found = parts.data?.runs ?? [];
  if (found.length === 0) return null;
  return (
    <Card title={t("Executions")} aside={parts.data?.next ? t("the youngest {n}", { n: found.length }) : String(found.length)}>
      <ul className="stack" style={{ gap: 4, maxHeight: 320, overflow: "auto" }}>
        {found.map((each) => (
          <li key={each.id} className="row"><State state={fromHistory(each.state)} /><To className="clip grow" path={`/records/${each.id}`}>{nameOf(each)}</To><Duration seconds={each.duration_seconds} /></li>
        ))}
      </ul>
    </Card>
  );
}

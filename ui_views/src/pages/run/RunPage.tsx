/** One run: its graph, timeline, executions, values and source. */
import { useQuery } from "@tanstack/react-query";
import { Suspense, lazy, useMemo, type JSX } from "react";
import { useNavigate, useParams, useSearchParams } from "react-router-dom";
import { chronos } from "../../api/chronos";
import { isOver, useInstances, useRun } from "../../api/instances";
import { counted, seconds } from "../../format";
import { airflowHref, pageHref, runPath, type HostProps } from "../../host";
import { Copied, Duration, Empty, Problem, Skeleton, Time, To, useNow, useTitle } from "../../ui/basics";
import { State, StateBar, inWords, tally } from "../../ui/state";
import type { RunProps } from "./props";

const Graph = lazy(() => import("./Graph"));
const Timeline = lazy(() => import("./Timeline"));
const Executions = lazy(() => import("./Executions"));
const Values = lazy(() => import("./Values"));
const SourceView = lazy(() => import("./SourceView"));

const TABS = [
  ["graph", "Graph"], ["timeline", "Timeline"], ["executions", "Executions"], ["values", "Inputs & outputs"], ["source", "Source"],
] as const;
export type Tab = (typeof TABS)[number][0];

/** As a page of CHRONOS: the tab stands in the path. */
export default function RunPage(): JSX.Element {
  const { dagId = "", runId = "", tab } = useParams();
  const navigate = useNavigate();
  return (
    <main className="page fill">
      <RunView dagId={dagId} runId={runId} tab={tab} onTab={(next) => void navigate(pageHref(runPath(dagId, runId, next)))}
        address={(next) => pageHref(runPath(dagId, runId, next))} />
    </main>
  );
}

/** As a tab of Airflow's page of a run: the tab stands in the query. */
export function RunTab({ dagId, runId }: HostProps): JSX.Element {
  const [query, setQuery] = useSearchParams();
  if (!dagId || !runId) return <Empty title="Choose a run" />;
  const set = (next: string): void => setQuery((before) => {
    before.set("chronos", next);
    return before;
  });
  return (
    <main className="page fill" style={{ minHeight: 560 }}>
      <RunView dagId={dagId} runId={runId} tab={query.get("chronos") ?? undefined} onTab={set} address={(next) => `?chronos=${next}`} />
    </main>
  );
}

function RunView({ dagId, runId, tab, onTab, address }: {
  readonly dagId: string; readonly runId: string; readonly tab: string | undefined;
  readonly onTab: (tab: Tab) => void; readonly address: (tab: Tab) => string;
}): JSX.Element {
  useTitle(`${dagId} · ${runId}`);
  const run = useRun(dagId, runId);
  const instances = useInstances(dagId, runId, isOver(run.data));
  const document = useQuery({ queryKey: ["document", dagId], queryFn: () => chronos.workflow(dagId), staleTime: 60_000 });
  const current = TABS.find(([id]) => id === tab)?.[0] ?? "graph";

  if (run.error && !run.data) return <div className="pane"><Problem error={run.error} what="this run" retry={() => void run.refetch()} /></div>;
  return (
    <>
      {run.data ? <Header run={run.data} instances={instances.data ?? []} document={document.data ?? null} /> : <div className="head"><Skeleton rows={2} /></div>}
      <nav className="tabs" aria-label="Parts of the run">
        {TABS.map(([id, name]) => (
          <a key={id} href={address(id)} aria-current={id === current ? "page" : undefined}
            onClick={(event) => { event.preventDefault(); onTab(id); }}>{name}</a>
        ))}
      </nav>
      <Suspense fallback={<div className="pane"><Skeleton rows={8} /></div>}>
        {run.data && instances.data && !document.isPending
          ? <Body tab={current} run={run.data} instances={instances.data} document={document.data ?? null} error={document.error} />
          : <div className="pane">{instances.error ? <Problem error={instances.error} what="its executions" /> : <Skeleton rows={8} />}</div>}
      </Suspense>
    </>
  );
}

function Body({ tab, error, ...props }: RunProps & { readonly tab: Tab; readonly error: Error | null }): JSX.Element {
  if (!props.document && (tab === "graph" || tab === "source")) {
    return (
      <div className="pane">
        <Empty title="This run has no CWL document here">
          <span>{error?.message}</span>
          <a href={airflowHref(`dags/${props.run.dag_id}/runs/${props.run.dag_run_id}`)}>See it in Airflow</a>
        </Empty>
      </div>
    );
  }
  switch (tab) {
    case "graph": return <Graph {...props} />;
    case "timeline": return <Timeline {...props} />;
    case "executions": return <Executions {...props} />;
    case "values": return <Values {...props} />;
    case "source": return <SourceView {...props} />;
  }
}

function Header({ run, instances, document }: RunProps): JSX.Element {
  const over = isOver(run);
  const now = useNow(1000, !over);
  const counts = useMemo(() => tally(instances.map((each) => each.state)), [instances]);
  const name = document?.label ?? run.dag_display_name;
  return (
    <div className="head">
      <div className="row wrap" style={{ gap: 14 }}>
        <h1>{name}</h1>
        <State state={run.state} />
        <span className="mono muted clip">{run.dag_run_id}</span>
        <Copied text={run.dag_run_id} />
        <span className="right row">
          <To path={`/start/${encodeURIComponent(run.dag_id)}?from=${encodeURIComponent(run.dag_run_id)}`} className="button">Run again with changes</To>
          <a className="button" href={airflowHref(`dags/${encodeURIComponent(run.dag_id)}/runs/${encodeURIComponent(run.dag_run_id)}`)}>In Airflow</a>
        </span>
      </div>
      <div className="row wrap small muted" style={{ gap: 16 }}>
        <span>started <Time at={run.start_date ?? run.queued_at} relative={!over} /></span>
        <span>{over ? "took" : "for"} <Duration seconds={seconds(run.start_date ?? run.queued_at, run.end_date, now)} /></span>
        <span>by {run.triggering_user_name ?? run.triggered_by ?? run.run_type}</span>
        {document && <span className="mono">{document.file} · CWL {document.cwl_version}</span>}
        <span className="row" style={{ gap: 8 }}>
          <span style={{ width: 160, display: "block" }}><StateBar counts={counts} /></span>
          {counted(instances.length, "task instance", "task instances")}: {inWords(counts)}
        </span>
      </div>
      {run.note && <div className="small">{run.note}</div>}
    </div>
  );
}

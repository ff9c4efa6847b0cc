/** The workflows that can be started. */
import { useQuery } from "@tanstack/react-query";
import { useState, type JSX } from "react";
import { chronos, type WorkflowEntry } from "../../api/chronos";
import { count } from "../../format";
import { airflowHref } from "../../host";
import { t } from "../../i18n";
import { Empty, Problem, Skeleton, To, useTitle } from "../../ui/basics";
import { runsPath } from "../runs/query";

export default function Start(): JSX.Element {
  useTitle(t("Start"));
  const [words, setWords] = useState("");
  const found = useQuery({ queryKey: ["workflows", words], queryFn: () => chronos.workflows(words), placeholderData: (before) => before });
  const workflows = found.data?.workflows ?? [];
  return (
    <main className="page stack">
      <div className="row wrap">
        <h1>{t("Start")}</h1>
        <span className="muted small" role="status">{found.data && (found.data.next ? t("the first {n}", { n: count(workflows.length) }) : count(workflows.length))}</span>
        <input className="field right" type="search" placeholder={t("Find a workflow")} aria-label={t("Find a workflow")} value={words} onChange={(event) => setWords(event.target.value)} />
      </div>
      {found.error && !found.data ? <Problem error={found.error} what={t("the workflows")} retry={() => void found.refetch()} />
        : !found.data ? <Skeleton rows={6} height={40} />
          : workflows.length === 0 ? <Empty title={t("No workflow is called so")}>{t("Workflows are CWL files in the DAG folder, or deployed with: airflow chronos deploy")}</Empty>
            : <ul className="grid cards">{workflows.map((each) => <li key={each.dag_id}><WorkflowCard workflow={each} /></li>)}</ul>}
    </main>
  );
}

function WorkflowCard({ workflow }: { readonly workflow: WorkflowEntry }): JSX.Element {
  const { dag_id: id, description, file, broken, paused, tags } = workflow;
  return (
    <section className="card stack" style={{ gap: 8, height: "100%" }} aria-label={id}>
      <div className="row"><h2 className="clip grow" title={id}>{id}</h2>{paused && <span className="small late">{t("paused")}</span>}{broken && <span className="small failed-words">{t("broken")}</span>}</div>
      <p className="small muted clamp" title={description}>{description || t("The document says nothing of itself.")}</p>
      <div className="small muted mono clip" title={file}>{file}{tags.length > 0 ? ` · ${tags.join(", ")}` : ""}</div>
      <div className="row" style={{ marginTop: "auto" }}>
        {broken ? <a className="button" href={airflowHref("dags?last_dag_run_state=failed")}>{t("Why")}</a>
          : <To className="button primary" path={`/start/${encodeURIComponent(id)}`}>{t("Start…")}</To>}
        <To className="button" path={runsPath({ workflow: id })}>{t("Runs")}</To>
      </div>
    </section>
  );
}

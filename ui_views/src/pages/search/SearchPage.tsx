/** What a few words find: products, runs and workflows. */
import { useQuery } from "@tanstack/react-query";
import type { JSX } from "react";
import { useSearchParams } from "react-router-dom";
import { chronos } from "../../api/chronos";
import { t } from "../../i18n";
import { Bytes, Card, Empty, Problem, Skeleton, Time, To, useTitle } from "../../ui/basics";
import { State, fromHistory } from "../../ui/state";
import { nameOf, recordPath } from "../runs/columns";
import { runsPath } from "../runs/query";

export default function SearchPage(): JSX.Element {
  const [query] = useSearchParams();
  const words = (query.get("q") ?? "").trim();
  useTitle(words || t("Search"));
  const found = useQuery({ queryKey: ["search", words], queryFn: () => chronos.search(words), enabled: words !== "" });
  if (!words) return <main className="page"><Empty title={t("Nothing is looked for")}>{t("Write a product's name, words of it, a path, or a run's id.")}</Empty></main>;
  if (found.error) return <main className="page"><Problem error={found.error} what={t("the search")} retry={() => void found.refetch()} /></main>;
  if (!found.data) return <main className="page"><Skeleton rows={8} /></main>;
  const { datasets, runs, workflows, more } = found.data;
  return (
    <main className="page stack">
      <h1 style={{ overflowWrap: "anywhere" }}>{t("Found for “{words}”", { words })}</h1>
      {datasets.length + runs.length + workflows.length === 0 && (
        <Empty title={t("Nothing is called so")}>{t("Words and numbers of a name are found in any order; parts of a word are not.")}</Empty>
      )}
      {datasets.length > 0 && (
        <Card title={t("Products and files")} aside={more ? t("the youngest {n}; more words narrow the search", { n: datasets.length }) : String(datasets.length)}>
          <table className="table">
            <thead><tr><th>{t("Name")}</th><th>{t("Type")}</th><th className="num">{t("Size")}</th></tr></thead>
            <tbody>{datasets.map((each) => (
              <tr key={each.id}>
                <td style={{ overflowWrap: "anywhere" }}><To path={`/lineage?dataset=${each.id}`}>{each.name}</To><div className="small muted">{each.path}</div></td>
                <td>{each.type || "–"}</td><td className="num"><Bytes value={each.size} /></td>
              </tr>
            ))}</tbody>
          </table>
        </Card>
      )}
      {runs.length > 0 && (
        <Card title={t("Runs")}>
          <ul>{runs.map((run) => <li key={run.id} className="row"><State state={fromHistory(run.state)} /><To path={recordPath(run.id)}>{nameOf(run)}</To><Time at={run.started} /></li>)}</ul>
        </Card>
      )}
      {workflows.length > 0 && (
        <Card title={t("Workflows")}>
          <ul>{workflows.map((each) => <li key={each.dag_id} className="row"><To path={runsPath({ workflow: each.dag_id })}>{each.dag_id}</To><span className="muted clip">{each.description}</span></li>)}</ul>
        </Card>
      )}
    </main>
  );
}

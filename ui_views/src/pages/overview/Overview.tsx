/** The state of the mission: numbers first, what wants attention next, charts in support. */
import { Suspense, lazy, type JSX } from "react";
import { useNavigate } from "react-router-dom";
import type { Target } from "../../api/chronos";
import { count, duration } from "../../format";
import { pageHref } from "../../host";
import { t } from "../../i18n";
import { Bytes, Card, Empty, Meter, Problem, Skeleton, To, useTitle } from "../../ui/basics";
import { runsPath } from "../runs/query";
import { HOUR, useActivity, useDay, useLastProducts, useTargets } from "./now";
import { Sentence } from "./Sentence";

const Chart = lazy(() => import("../../ui/Chart").then((m) => ({ default: m.Chart })));
const CHART_HEIGHT = 190;

export default function Overview(): JSX.Element {
  useTitle(t("Overview"));
  return (
    <main className="page stack">
      <h1 className="visually-hidden">{t("Overview")}</h1>
      <Sentence />
      <div className="grid overview">
        <div className="stack"><ThroughputCard /><LastCard /></div>
        <div className="stack"><TargetsCard /><CausesCard /><MadeCard /></div>
      </div>
    </main>
  );
}

function ThroughputCard(): JSX.Element {
  const activity = useActivity();
  const navigate = useNavigate();
  const data = activity.data?.throughput;
  const choose = (index: number): void => {
    const hour = data?.hours[index];
    if (hour === undefined) return;
    void navigate(pageHref(runsPath({ kind: "step", since: new Date(hour).toISOString(), until: new Date(hour + HOUR).toISOString() })));
  };
  return (
    <Card title={t("Executions by the hour of their start")} aside={t("UTC; a click opens the hour")}>
      {activity.error && !data ? <Problem error={activity.error} what={t("the activity")} retry={() => void activity.refetch()} />
        : !data ? <div className="skeleton" style={{ height: CHART_HEIGHT + 50 }} />
          : (
            <Suspense fallback={<div className="skeleton" style={{ height: CHART_HEIGHT + 50 }} />}>
              <Chart title={t("Executions by the hour of their start")} height={CHART_HEIGHT} onChoose={choose}
                labels={data.hours.map((hour) => new Date(hour).toISOString().slice(11, 16))}
                series={[
                  { name: t("succeeded"), values: data.good, kind: "bar", colour: "bars" },
                  { name: t("failed"), values: data.failed, kind: "bar", colour: "failed" },
                  { name: t("the day before"), values: data.before, kind: "line", colour: "fg-muted" },
                ]} />
            </Suspense>
          )}
    </Card>
  );
}

function TargetsCard(): JSX.Element {
  const targets = useTargets();
  return (
    <Card title={t("Targets")}>
      {targets.error && !targets.data ? <Problem error={targets.error} what={t("the targets")} retry={() => void targets.refetch()} />
        : !targets.data ? <Skeleton rows={4} />
          : targets.data.length === 0 ? <Empty title={t("No target is declared")}>{t("Steps run on Airflow's workers. Targets stand in the file that [chronos] targets_file names.")}</Empty>
            : <ul className="stack" style={{ gap: 10 }}>{targets.data.map((target) => <TargetRow key={target.name} target={target} />)}</ul>}
    </Card>
  );
}

function TargetRow({ target }: { readonly target: Target }): JSX.Element {
  const { name, kind, breaker, in_flight: busy, waiting, waiting_seconds: since, error, bounds } = target;
  const bad = breaker === "open";
  return (
    <li>
      <div className="row">
        <To path={runsPath({ kind: "step", target: name, period: "24h" })}><strong>{name}</strong></To><span className="small muted">{kind}</span>
        <span className={`right small ${bad ? "failed-words" : "muted"}`}>{breakerWords(breaker)}</span>
      </div>
      <div className="row small" style={{ gap: 10 }}>
        <span className="grow"><Meter value={busy} of={bounds.max_in_flight} tone={bad ? "failed" : "running"} label={t("{n} of {most} jobs in flight", { n: busy, most: bounds.max_in_flight })} /></span>
        <span className="num">{count(busy)}/{count(bounds.max_in_flight)}</span>
        <span className="num muted">{t("{n} wait", { n: count(waiting) })}{since !== null ? `, ${duration(since)}` : ""}</span>
      </div>
      {error && <div className="small failed-words clip" title={error}>{error}</div>}
    </li>
  );
}

function breakerWords(breaker: Target["breaker"]): string {
  return { "": t("idle: nobody submits"), closed: t("healthy"), "half-open": t("being tried again"), open: t("closed: submissions fail") }[breaker];
}

function CausesCard(): JSX.Element {
  const day = useDay();
  return (
    <Card title={t("Causes of failure")} aside={t("last 24 hours")}>
      {!day.data ? <Skeleton rows={4} /> : day.data.causes.length === 0 ? <Empty title={t("Nothing has failed")} /> : (
        <ul className="stack" style={{ gap: 6 }}>
          {day.data.causes.slice(0, 8).map(([error, n]) => (
            <li key={error} className="row">
              <To className="clip grow" title={error} path={runsPath({ kind: "step", state: "FAIL", error, period: "24h" })}>{error}</To>
              <span className="num">{count(n)}</span>
            </li>
          ))}
        </ul>
      )}
    </Card>
  );
}

function MadeCard(): JSX.Element {
  const activity = useActivity();
  const rows = activity.data?.made;
  return (
    <Card title={t("Products made")} aside={t("last 24 hours")}>
      {!rows ? <Skeleton rows={5} /> : rows.length === 0 ? <Empty title={t("No product yet")}>{t("Steps that publish files are counted here.")}</Empty> : (
        <table className="table">
          <thead><tr><th>{t("Step")}</th><th className="num">{t("Products")}</th><th className="num">{t("Volume")}</th></tr></thead>
          <tbody>{rows.slice(0, 8).map((row) => (
            <tr key={`${row.workflow}${row.step}`}>
              <td><To path={runsPath({ kind: "step", workflow: row.workflow, step: row.step, period: "24h" })} title={row.workflow}>{row.step}</To></td>
              <td className="num">{count(row.products)}</td><td className="num"><Bytes value={row.bytes} /></td>
            </tr>
          ))}</tbody>
        </table>
      )}
    </Card>
  );
}

function LastCard(): JSX.Element {
  const last = useLastProducts();
  return (
    <Card title={t("Last products")}>
      {last.error && !last.data ? <Problem error={last.error} what={t("the last products")} retry={() => void last.refetch()} />
        : !last.data ? <Skeleton rows={5} />
          : last.data.length === 0 ? <Empty title={t("No product in the last 24 hours")}>{t("What runs publish appears here, the youngest first.")}</Empty> : (
            <table className="table">
              <thead><tr><th>{t("Name")}</th><th>{t("Type")}</th><th className="num">{t("Size")}</th></tr></thead>
              <tbody>{last.data.map((each) => (
                <tr key={each.id}>
                  <td style={{ overflowWrap: "anywhere" }}><To path={`/lineage?dataset=${each.id}`} title={each.path}>{each.name}</To></td>
                  <td>{each.type || "–"}</td><td className="num"><Bytes value={each.size} /></td>
                </tr>
              ))}</tbody>
            </table>
          )}
    </Card>
  );
}

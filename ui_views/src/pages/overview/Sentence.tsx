/** The first line: what runs, what waits, what failed and of how many causes. Every number opens what it counts. */
import type { JSX } from "react";
import { count, counted } from "../../format";
import { airflowHref } from "../../host";
import { t } from "../../i18n";
import { Problem, To } from "../../ui/basics";
import { percent } from "../runs/counts";
import { runsPath } from "../runs/query";
import { useDay, useTargets, useWaiting } from "./now";

export function Sentence(): JSX.Element {
  const waiting = useWaiting();
  const day = useDay();
  const targets = useTargets();
  if (day.error && !day.data) return <Problem error={day.error} what={t("the last day")} retry={() => void day.refetch()} />;
  const open = (targets.data ?? []).filter((target) => target.breaker === "open").length;
  return (
    <p className="sentence overview-sentence" role="status" aria-busy={day.isPending}>
      <a href={airflowHref("dag_runs?state=running")}><b>{waiting.data ? count(waiting.data.running) : "…"}</b> {t("running")}</a>
      {" · "}<a href={airflowHref("dag_runs?state=queued")}><b>{waiting.data ? count(waiting.data.queued) : "…"}</b> {t("waiting")}</a>
      {" · "}{t("in the last 24 hours")}{" "}
      <To path={runsPath({ period: "24h" })}><b>{day.data ? count(day.data.ended) : "…"}</b> {t("ended")}</To>
      {", "}<To path={runsPath({ period: "24h", state: "FAIL" })}><b className={day.data?.failed ? "failed-words" : ""}>{day.data ? count(day.data.failed) : "…"}</b> {t("failed")}</To>
      {day.data && day.data.ended > 0 && <span className="muted"> ({percent(day.data.failed / day.data.ended)})</span>}
      {day.data && day.data.causes.length > 0 && <>{" · "}<To path={runsPath({ period: "24h", state: "FAIL", kind: "step" })}><b>{counted(day.data.causes.length, "cause", "causes")}</b> {t("of failure")}</To></>}
      {open > 0 && <>{" · "}<span className="failed-words"><b>{counted(open, "target", "targets")}</b> {t("closed by the circuit breaker")}</span></>}
    </p>
  );
}

/** What can be done with the chosen runs, and what will happen, before it happens. */
import { useMutation, useQuery } from "@tanstack/react-query";
import { useEffect, useRef, useState, type JSX } from "react";
import type { HistoryRun } from "../../api/chronos";
import { client } from "../../app/live";
import { count, counted } from "../../format";
import { t } from "../../i18n";
import { Problem, Skeleton } from "../../ui/basics";
import { act, collect, preview, type Action, type Progress } from "./actions";
import { asCsv, asJson, save } from "./exporting";
import { toApi, type Asked } from "./query";

/** Rows that "all that fit" reads at most. */
const MOST = 10_000;
/** Runs that one action takes: each is asked for alone. */
export const MOST_AT_ONCE = 500;

export function SelectionBar({ asked, rows, chosen, onChange }: {
  readonly asked: Asked; readonly rows: readonly HistoryRun[]; readonly chosen: ReadonlySet<string>; readonly onChange: (chosen: ReadonlySet<string>) => void;
}): JSX.Element {
  const [action, setAction] = useState<Action | null>(null);
  const [all, setAll] = useState<readonly HistoryRun[] | null>(null);
  const everything = useMutation({
    mutationFn: () => collect(toApi(asked, Date.now()), MOST),
    onSuccess: (found) => {
      setAll(found);
      onChange(new Set(found.map((run) => run.id)));
    },
  });
  const runs = (all ?? rows).filter((run) => chosen.has(run.id));
  const tooMany = runs.length > MOST_AT_ONCE;
  return (
    <div className="selection" role="region" aria-label={t("What is selected")}>
      <strong>{t("{n} selected", { n: count(runs.length) })}</strong>
      <button type="button" className="button quiet" onClick={() => everything.mutate()} disabled={everything.isPending}>
        {everything.isPending ? t("reading…") : t("select all that fit (up to {n})", { n: count(MOST) })}
      </button>
      <button type="button" className="button quiet" onClick={() => onChange(new Set())}>{t("select none")}</button>
      <span className="right row">
        <button type="button" className="button" disabled={tooMany} title={tooMany ? t("At most {n} at once", { n: MOST_AT_ONCE }) : ""} onClick={() => setAction("retry")}>{t("Run failed again…")}</button>
        <button type="button" className="button" disabled={tooMany} title={tooMany ? t("At most {n} at once", { n: MOST_AT_ONCE }) : ""} onClick={() => setAction("cancel")}>{t("Cancel…")}</button>
        <button type="button" className="button" onClick={() => save("runs.csv", "text/csv", asCsv(runs))}>CSV</button>
        <button type="button" className="button" onClick={() => save("runs.json", "application/json", asJson(runs))}>JSON</button>
      </span>
      {everything.error && <Problem error={everything.error} what={t("the runs")} />}
      {action && <Dialog action={action} runs={runs} onClose={() => setAction(null)} />}
    </div>
  );
}

function Dialog({ action, runs, onClose }: { readonly action: Action; readonly runs: readonly HistoryRun[]; readonly onClose: () => void }): JSX.Element {
  const dialog = useRef<HTMLDialogElement>(null);
  const [progress, setProgress] = useState<Progress | null>(null);
  useEffect(() => dialog.current?.showModal(), []);
  const plan = useQuery({ queryKey: ["preview", action, runs.map((run) => run.id)], queryFn: () => preview(action, runs), gcTime: 0, staleTime: Infinity });
  const doing = useMutation({
    mutationFn: () => act(action, plan.data?.parts ?? [], setProgress),
    onSettled: () => void client.invalidateQueries({ queryKey: ["runs"] }),
  });
  const title = action === "retry" ? t("Run failed again") : t("Cancel runs");
  return (
    <dialog ref={dialog} onClose={onClose} aria-label={title} className="stack">
      <h2>{title}</h2>
      {plan.isPending && <Skeleton rows={3} />}
      {plan.error && <Problem error={plan.error} what={t("what would happen")} />}
      {plan.data && !doing.isSuccess && (
        <>
          <p>{action === "retry"
            ? t("Will run again: {tasks}, in {runs}. What succeeded is kept.", { tasks: counted(plan.data.tasks, "task instance", "task instances"), runs: counted(plan.data.parts.length, "run", "runs") })
            : t("Will cancel {runs}. What has ended is kept; jobs on targets are ended.", { runs: counted(plan.data.parts.length, "run", "runs") })}</p>
          {plan.data.left.length > 0 && (
            <details><summary>{t("{n} of the selection are left alone", { n: count(plan.data.left.length) })}</summary>
              <ul className="small">{plan.data.left.slice(0, 50).map((each) => <li key={each.id}><span className="mono">{each.id}</span> {each.why}</li>)}</ul>
            </details>
          )}
        </>
      )}
      {doing.data && (
        <div role="status">
          <p>{t("Done for {runs}.", { runs: counted(doing.data.done, "run", "runs") })}</p>
          {doing.data.failed.map((each) => <p key={each.id} className="small failed-words"><span className="mono">{each.id}</span> {each.why}</p>)}
        </div>
      )}
      {progress && doing.isPending && <progress value={progress.done} max={progress.of} aria-label={title} />}
      <form method="dialog" className="row">
        <button className="button">{doing.isSuccess ? t("Close") : t("Leave it")}</button>
        {!doing.isSuccess && (
          <button type="button" className="button primary right" disabled={!plan.data || plan.data.parts.length === 0 || doing.isPending} onClick={() => doing.mutate()}>{title}</button>
        )}
      </form>
    </dialog>
  );
}

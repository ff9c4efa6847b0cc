/** Runs: narrowed by what they have in common, read page after page, acted on together. */
import { useInfiniteQuery } from "@tanstack/react-query";
import { useCallback, useMemo, useState, type JSX } from "react";
import { useNavigate, useSearchParams } from "react-router-dom";
import { chronos, type HistoryRun } from "../../api/chronos";
import { every } from "../../app/live";
import { count } from "../../format";
import { pageHref } from "../../host";
import { t } from "../../i18n";
import { DataTable, type Selection } from "../../ui/DataTable";
import { Empty, Problem, Skeleton, useTitle } from "../../ui/basics";
import { percent, periodName, useCounts, type Setting } from "./counts";
import { Facets } from "./Facets";
import { DEFAULT_PERIOD, KINDS, PERIODS, read, toApi, type Kind } from "./query";
import { columns, recordPath } from "./columns";
import { SelectionBar } from "./SelectionBar";

const PAGE = 200;

export default function Runs(): JSX.Element {
  useTitle(t("Runs"));
  const [address, setAddress] = useSearchParams();
  const text = address.toString();
  const asked = useMemo(() => read(new URLSearchParams(text)), [text]);
  const set = useCallback((changes: Readonly<Record<string, string | null>>): void => setAddress((before) => {
    for (const [name, value] of Object.entries(changes)) {
      if (value) before.set(name, value);
      else before.delete(name);
    }
    return before;
  }), [setAddress]);
  return (
    <main className="page fill with-facets">
      <Facets asked={asked} set={set} />
      <List key={text} asked={asked} set={set} />
    </main>
  );
}

function List({ asked, set }: Setting): JSX.Element {
  const navigate = useNavigate();
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
  const runs = useInfiniteQuery({
    queryKey: ["runs", asked],
    queryFn: ({ pageParam, signal }) => chronos.runs({ ...toApi(asked, Date.now()), limit: PAGE, cursor: pageParam }, signal),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (last) => last.next ?? undefined,
    // Only the first page is kept current: rows that somebody reads further down must not move.
    refetchInterval: (query) => ((query.state.data?.pages.length ?? 0) <= 1 ? every(10)() : false),
  });
  const rows = useMemo(() => runs.data?.pages.flatMap((page) => page.runs) ?? [], [runs.data]);
  const look = useMemo(() => columns(rows, asked.kind), [rows, asked.kind]);
  const selection = useMemo<Selection>(() => ({ chosen, onChange: setChosen }), [chosen]);
  const { hasNextPage, isFetchingNextPage, fetchNextPage } = runs;
  const onEnd = useCallback(() => {
    if (hasNextPage && !isFetchingNextPage) void fetchNextPage();
  }, [hasNextPage, isFetchingNextPage, fetchNextPage]);
  const open = (run: HistoryRun): void => void navigate(pageHref(recordPath(run.id)));
  return (
    <section className="list" aria-label={t("Runs")}>
      <Sentence asked={asked} set={set} rows={rows.length} more={hasNextPage} />
      {chosen.size > 0 && <SelectionBar asked={asked} rows={rows} chosen={chosen} onChange={setChosen} />}
      {runs.error && rows.length === 0 ? <div className="pane"><Problem error={runs.error} what={t("the runs")} retry={() => void runs.refetch()} /></div>
        : runs.isPending ? <div className="pane"><Skeleton rows={12} height={22} /></div>
          : rows.length === 0 ? <Nothing asked={asked} set={set} />
            : <DataTable label={t("Runs")} rows={rows} columns={look} idOf={idOf} onOpen={open} onEnd={onEnd} more={hasNextPage} selection={selection} />}
    </section>
  );
}

const idOf = (run: HistoryRun): string => run.id;

function Sentence({ asked, set, rows, more }: Setting & { readonly rows: number; readonly more: boolean }): JSX.Element {
  const counts = useCounts(asked);
  const states = counts.data ? Object.entries(counts.data["state"] ?? {}) : [];
  const ended = states.reduce((sum, [, n]) => sum + n, 0);
  const failed = counts.data?.["state"]?.["FAIL"] ?? 0;
  return (
    <div className="head">
      <div className="row wrap" style={{ gap: 12 }}>
        <h1 className="sentence">
          {counts.data
            ? <><b>{count(ended)}</b> {t("ended")}, <b>{count(failed)}</b> {t("failed")}{ended > 0 && <span className="muted"> ({percent(failed / ended)})</span>}</>
            : <span className="muted">{t("Counting…")}</span>}
        </h1>
        <span className="right row wrap">
          <select className="field" aria-label={t("What is listed")} value={asked.kind} onChange={(event) => set({ kind: event.target.value })}>
            {KINDS.map((kind) => <option key={kind} value={kind}>{kindName(kind)}</option>)}
          </select>
          {asked.since
            ? <button type="button" className="button" onClick={() => set({ since: null, until: null })} title={t("Back to the last days")}>
              {asked.since.slice(0, 16).replace("T", " ")} – {asked.until?.slice(0, 16).replace("T", " ")} UTC ✕</button>
            : <select className="field" aria-label={t("Period")} value={asked.period} onChange={(event) => set({ period: event.target.value === DEFAULT_PERIOD ? null : event.target.value })}>
              {(Object.keys(PERIODS) as (keyof typeof PERIODS)[]).map((each) => <option key={each} value={each}>{periodName(each)}</option>)}
            </select>}
        </span>
      </div>
      <p className="small muted" role="status">{t("{n} rows read", { n: count(rows) })}{more ? t(", more follow as you scroll") : ""}</p>
    </div>
  );
}

function Nothing({ asked, set }: Setting): JSX.Element {
  const narrowed = Object.keys(asked.chosen);
  return (
    <Empty title={t("No run fits")}>
      {narrowed.length > 0
        ? <button type="button" className="button" onClick={() => set(Object.fromEntries(narrowed.map((name) => [name, null])))}>{t("Forget what is chosen on the left")}</button>
        : asked.period !== "365d" && !asked.since && <button type="button" className="button" onClick={() => set({ period: "365d" })}>{t("Look at the last year")}</button>}
      <span>{t("Runs appear here when a workflow has started.")}</span>
    </Empty>
  );
}

function kindName(kind: Kind): string {
  return { workflow: t("runs of workflows"), step: t("executions of steps"), any: t("both") }[kind];
}

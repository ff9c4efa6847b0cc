/** The log of a try: follows while it grows, finds words, jumps to the first error; only lines in sight are drawn. */
import { useInfiniteQuery } from "@tanstack/react-query";
import { useVirtualizer } from "@tanstack/react-virtual";
import { useEffect, useMemo, useRef, useState, type JSX } from "react";
import { chronos, type LogLine } from "../../api/chronos";
import { every } from "../../app/live";
import { count } from "../../format";
import { Card, Empty, Problem, Skeleton } from "../../ui/basics";
import type { Place } from "./place";

const PAGE = 5000;

export function LogView({ place, tryNumber }: { readonly place: Place; readonly tryNumber: number }): JSX.Element {
  const { dagId, runId, taskId, mapIndex } = place;
  const log = useInfiniteQuery({
    queryKey: ["log", dagId, runId, taskId, mapIndex, tryNumber],
    queryFn: ({ pageParam, signal }) => chronos.log(dagId, runId, taskId, { map_index: mapIndex, try_number: Math.max(1, tryNumber), offset: pageParam, limit: PAGE }, signal),
    initialPageParam: 0,
    getNextPageParam: (last) => (last.offset + last.lines.length < last.total ? last.offset + last.lines.length : undefined),
    refetchInterval: (query) => (query.state.data?.pages.at(-1)?.complete ? false : every(3)()),
  });
  const pages = log.data?.pages;
  const lines = useMemo(() => (pages ?? []).flatMap((page) => page.lines), [pages]);
  const complete = pages?.at(-1)?.complete ?? false;
  const total = pages?.at(-1)?.total ?? 0;

  // The whole log is read, a page after the other: what is found must not depend on what was scrolled to.
  const { hasNextPage, isFetching, fetchNextPage } = log;
  useEffect(() => {
    if (hasNextPage && !isFetching) void fetchNextPage();
  }, [hasNextPage, isFetching, fetchNextPage]);

  return (
    <Card title="Log" aside={`${count(lines.length)}${lines.length < total ? ` of ${count(total)}` : ""} lines${complete ? "" : ", following"}`}>
      {log.error && !pages ? <Problem error={log.error} what="the log" retry={() => void log.refetch()} />
        : log.isPending ? <Skeleton rows={8} />
          : lines.length === 0 ? <Empty title="No line yet">The log appears when the task begins.</Empty>
            : <Lines lines={lines} following={!complete} name={`${dagId}-${taskId}-${mapIndex}-${tryNumber}.log`} />}
    </Card>
  );
}

function Lines({ lines, following, name }: { readonly lines: readonly LogLine[]; readonly following: boolean; readonly name: string }): JSX.Element {
  const [words, setWords] = useState("");
  const [follow, setFollow] = useState(true);
  const [at, setAt] = useState(-1);
  const scroller = useRef<HTMLDivElement>(null);
  // eslint-disable-next-line react-hooks/incompatible-library -- the virtualizer's own state is what changes
  const rows = useVirtualizer({ count: lines.length, getScrollElement: () => scroller.current, estimateSize: () => 19, overscan: 30 });
  const firstError = useMemo(() => lines.findIndex(isError), [lines]);
  const hits = useMemo(() => (words.length < 2 ? [] : lines.flatMap((line, index) => (textOf(line).toLowerCase().includes(words.toLowerCase()) ? [index] : []))), [lines, words]);

  useEffect(() => {
    if (following && follow && lines.length > 0) rows.scrollToIndex(lines.length - 1, { align: "end" });
  }, [lines.length, following, follow, rows]);

  const jump = (index: number | undefined): void => {
    if (index === undefined || index < 0) return;
    setFollow(false);
    setAt(index);
    rows.scrollToIndex(index, { align: "center" });
  };
  const next = (): void => jump(hits.find((index) => index > at) ?? hits[0]);

  return (
    <div className="stack" style={{ gap: 8 }}>
      <div className="row wrap">
        <form onSubmit={(event) => { event.preventDefault(); next(); }} className="row">
          <input className="field" type="search" placeholder="Search in the log" aria-label="Search in the log" value={words} onChange={(event) => setWords(event.target.value)} />
          {words.length > 1 && <span className="small muted" role="status">{count(hits.length)} {hits.length === 1 ? "line" : "lines"}</span>}
          <button className="button" disabled={hits.length === 0}>Next</button>
        </form>
        <button type="button" className="button" disabled={firstError < 0} onClick={() => jump(firstError)}>First error</button>
        {following && <label className="row small"><input type="checkbox" checked={follow} onChange={(event) => setFollow(event.target.checked)} />follow</label>}
        <button type="button" className="button right" onClick={() => download(name, lines)}>Download</button>
      </div>
      <div ref={scroller} className="log" tabIndex={0} role="log" aria-label="Log lines" aria-live="off">
        <div style={{ height: rows.getTotalSize(), position: "relative", minWidth: "max-content" }}>
          {rows.getVirtualItems().map((item) => {
            const line = lines[item.index];
            if (!line) return null;
            return (
              <div key={item.key} className="logline" data-level={isError(line) ? "error" : line.level.toLowerCase()} data-at={item.index === at}
                ref={rows.measureElement} data-index={item.index} style={{ transform: `translateY(${item.start}px)` }}>
                <span className="gutter">{item.index + 1}</span>
                <time className="muted">{line.timestamp?.slice(11, 23) ?? ""}</time>
                <span>{textOf(line)}</span>
              </div>
            );
          })}
        </div>
      </div>
    </div>
  );
}

function isError(line: LogLine): boolean {
  return /^(error|critical|fatal)$/i.test(line.level) || line.error.length > 0;
}

function textOf(line: LogLine): string {
  return line.error.length > 0 ? `${line.event}\n${line.error.join("\n")}` : line.event;
}

function download(name: string, lines: readonly LogLine[]): void {
  const text = lines.map((line) => `${line.timestamp ?? ""}\t${line.level}\t${textOf(line)}`).join("\n");
  const address = URL.createObjectURL(new Blob([text], { type: "text/plain" }));
  const link = Object.assign(document.createElement("a"), { href: address, download: name });
  link.click();
  URL.revokeObjectURL(address);
}

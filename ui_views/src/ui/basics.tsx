import { useEffect, useState, useSyncExternalStore, type JSX, type ReactNode } from "react";
import { Link } from "react-router-dom";
import { ApiError } from "../api/http";
import { ago, bytes, duration, local, utc } from "../format";
import { pageHref } from "../host";

/** A link to a page of CHRONOS. */
export function To({ path, children, className, title }: {
  readonly path: string; readonly children: ReactNode; readonly className?: string; readonly title?: string;
}): JSX.Element {
  return <Link to={pageHref(path)} className={className} title={title}>{children}</Link>;
}

/** A moment in UTC; the local time on hover; "12 min ago" beside it where asked. */
export function Time({ at, relative = false }: { readonly at: string | number | Date | null | undefined; readonly relative?: boolean }): JSX.Element {
  const now = useNow(30_000, relative);
  if (at === null || at === undefined) return <span className="muted">–</span>;
  return (
    <time dateTime={new Date(at).toISOString()} title={`${local(at)} (your time)`} className="nowrap num">
      {utc(at)}
      {relative && <span className="muted"> · {ago(at, now)}</span>}
    </time>
  );
}

export function Duration({ seconds }: { readonly seconds: number | null | undefined }): JSX.Element {
  return <span className="num">{duration(seconds)}</span>;
}

export function Bytes({ value }: { readonly value: number | null | undefined }): JSX.Element {
  return <span className="num" title={value === null || value === undefined ? "" : `${value} bytes`}>{bytes(value)}</span>;
}

/** The machine's own words, copied with one click. */
export function Copied({ text, children }: { readonly text: string; readonly children?: ReactNode }): JSX.Element {
  const [done, setDone] = useState(false);
  const copy = (): void => {
    void navigator.clipboard.writeText(text).then(() => {
      setDone(true);
      setTimeout(() => setDone(false), 1500);
    });
  };
  return (
    <button type="button" className="button quiet small" onClick={copy} title={`Copy ${text.slice(0, 80)}`}>
      {done ? "copied" : children ?? "copy"}
    </button>
  );
}

/** Grey boxes of the size of what will come. */
export function Skeleton({ rows = 5, height = 18 }: { readonly rows?: number; readonly height?: number }): JSX.Element {
  return (
    <div className="stack" aria-busy="true" aria-label="loading" role="status">
      {Array.from({ length: rows }, (_, i) => (
        <div key={i} className="skeleton" style={{ height, width: `${90 - ((i * 17) % 40)}%` }} />
      ))}
    </div>
  );
}

/** Nothing here: what would be, and what makes it so. */
export function Empty({ title, children }: { readonly title: string; readonly children?: ReactNode }): JSX.Element {
  return <div className="empty"><strong>{title}</strong>{children}</div>;
}

/** What failed, and what can be done. */
export function Problem({ error, retry, what }: { readonly error: unknown; readonly retry?: () => void; readonly what: string }): JSX.Element {
  const api = error instanceof ApiError ? error : null;
  const refused = api?.status === 403;
  return (
    <div className={`banner ${refused ? "warn" : "bad"}`} role="alert">
      <div className="grow">
        <strong>{refused ? `No right to see ${what}. ` : `${what} cannot be shown. `}</strong>
        {error instanceof Error ? error.message : String(error)}
        {refused && " An administrator grants it (airflow chronos, or Security in Airflow)."}
      </div>
      {retry && !refused && <button type="button" className="button" onClick={retry}>Try again</button>}
    </div>
  );
}

/** A titled surface. */
export function Card({ title, aside, children, className }: {
  readonly title: string; readonly aside?: ReactNode; readonly children: ReactNode; readonly className?: string;
}): JSX.Element {
  return (
    <section className={`card ${className ?? ""}`} aria-label={title}>
      <header><h2>{title}</h2>{aside !== undefined && <span className="right small muted">{aside}</span>}</header>
      {children}
    </section>
  );
}

/** A share of a whole as a bar with its words. */
export function Meter({ value, of, label, tone }: {
  readonly value: number; readonly of: number; readonly label: string; readonly tone?: string;
}): JSX.Element {
  const share = of > 0 ? Math.min(1, Math.max(0, value / of)) : 0;
  return (
    <span className="meter" data-tone={tone} role="img" aria-label={label} title={label}>
      <i style={{ width: `${share * 100}%` }} />
    </span>
  );
}

/** The clock of a pace, made by the first who asks for it. */
function clockOf(every: number): Clock {
  const known = clocks.get(every);
  if (known) return known;
  const made: Clock = { now: Date.now(), listeners: new Set() };
  clocks.set(every, made);
  return made;
}

interface Clock {
  now: number;
  readonly listeners: Set<() => void>;
  timer?: ReturnType<typeof setInterval>;
}

const clocks = new Map<number, Clock>();

/** The time in milliseconds, renewed every `every` while somebody looks: one timer for all that ask for the same pace. */
export function useNow(every = 1000, on = true): number {
  const kept = clockOf(every);
  const subscribe = (listener: () => void): (() => void) => {
    if (!on) return () => undefined;
    kept.listeners.add(listener);
    kept.timer ??= setInterval(() => {
      kept.now = Date.now();
      kept.listeners.forEach((tell) => tell());
    }, every);
    return () => {
      kept.listeners.delete(listener);
      if (kept.listeners.size === 0) {
        clearInterval(kept.timer);
        delete kept.timer;
      }
    };
  };
  return useSyncExternalStore(subscribe, () => kept.now);
}

/** The document's title while a page is shown. */
export function useTitle(title: string): void {
  useEffect(() => {
    const before = document.title;
    document.title = `${title} · CHRONOS`;
    return () => {
      document.title = before;
    };
  }, [title]);
}

/** States: the words and colours are Airflow's; each has a shape of its own, so that none is told by colour alone. */
import type { JSX } from "react";

export type Tone =
  | "success" | "failed" | "running" | "late" | "queued" | "skipped" | "upstream" | "deferred" | "scheduled" | "removed" | "none";

interface Look {
  readonly word: string;
  readonly tone: Tone;
  /** Path in a 12 × 12 box. */
  readonly shape: string;
  readonly loud?: boolean;
}

const TICK = "M2.4 6.4 5 9l4.8-6";
const CROSS = "M2.8 2.8l6.4 6.4M9.2 2.8 2.8 9.2";
const PLAY = "M3.6 2.2v7.6L9.8 6z";
const RING = "M6 2a4 4 0 1 0 0 8 4 4 0 0 0 0-8z";
const DOTS = "M2.5 6h.01M6 6h.01M9.5 6h.01";
const SKIP = "M2.5 2.6 6.4 6 2.5 9.4M9.4 2.6v6.8";
const BARRED = "M6 2a4 4 0 1 0 0 8 4 4 0 0 0 0-8zM3.2 3.2l5.6 5.6";
const PAUSE = "M4 2.5v7M8 2.5v7";
const AGAIN = "M9.6 4.4A4 4 0 1 0 10 6.6M9.9 1.8v2.8H7.1";
const CLOCK = "M6 1.8a4.2 4.2 0 1 0 0 8.4 4.2 4.2 0 0 0 0-8.4zM6 3.8V6l1.6 1.2";
const UP = "M6 10V2.6M2.8 5.6 6 2.4l3.2 3.2";

const LOOKS: Readonly<Record<string, Look>> = {
  success: { word: "success", tone: "success", shape: TICK },
  failed: { word: "failed", tone: "failed", shape: CROSS, loud: true },
  running: { word: "running", tone: "running", shape: PLAY, loud: true },
  restarting: { word: "restarting", tone: "running", shape: AGAIN },
  queued: { word: "queued", tone: "queued", shape: RING },
  scheduled: { word: "scheduled", tone: "scheduled", shape: CLOCK },
  deferred: { word: "deferred", tone: "deferred", shape: CLOCK },
  awaiting_input: { word: "awaiting input", tone: "late", shape: PAUSE, loud: true },
  up_for_retry: { word: "up for retry", tone: "late", shape: AGAIN, loud: true },
  up_for_reschedule: { word: "up for reschedule", tone: "deferred", shape: AGAIN },
  upstream_failed: { word: "upstream failed", tone: "upstream", shape: UP },
  skipped: { word: "skipped", tone: "skipped", shape: SKIP },
  removed: { word: "removed", tone: "removed", shape: BARRED },
  held: { word: "held", tone: "late", shape: PAUSE, loud: true },
  aborted: { word: "aborted", tone: "removed", shape: BARRED },
  unknown: { word: "unknown", tone: "none", shape: DOTS },
  none: { word: "to do", tone: "none", shape: DOTS },
};

const FALLBACK: Look = { word: "to do", tone: "none", shape: DOTS };

/** The history's states (OpenLineage's) by Airflow's names. */
const HISTORY: Readonly<Record<string, string>> = {
  running: "running", complete: "success", fail: "failed", abort: "aborted", skipped: "skipped", unknown: "unknown",
};

/** Airflow's name of a state of the history, for example COMPLETE → success. */
export function fromHistory(state: string): string {
  return HISTORY[state.toLowerCase()] ?? state.toLowerCase();
}

export function look(state: string | null | undefined): Look {
  return LOOKS[state ?? "none"] ?? { ...FALLBACK, word: state ?? "to do" };
}

/** Order in which states are told: what wants attention first. */
export const ORDER = [
  "failed", "upstream_failed", "up_for_retry", "awaiting_input", "held", "running", "restarting", "queued", "scheduled",
  "deferred", "up_for_reschedule", "none", "skipped", "removed", "aborted", "success",
] as const;

export function StateMark({ state, size = 12 }: { readonly state: string | null | undefined; readonly size?: number }): JSX.Element {
  const { shape, tone, word } = look(state);
  return (
    <svg width={size} height={size} viewBox="0 0 12 12" role="img" aria-label={word} data-tone={tone}
      fill={shape === PLAY ? "var(--tone)" : "none"} stroke="var(--tone)" strokeWidth="2" strokeLinecap="round" strokeLinejoin="round">
      <path d={shape} />
    </svg>
  );
}

/** The shape and the word. */
export function State({ state }: { readonly state: string | null | undefined }): JSX.Element {
  const { word, tone, loud } = look(state);
  return (
    <span className="state" data-tone={tone} data-loud={loud ?? false}>
      <span aria-hidden="true" className="row"><StateMark state={state} /></span>
      {word}
    </span>
  );
}

/** How many of each state: by state name. */
export type Tally = Readonly<Record<string, number>>;

export function tally(states: Iterable<string | null | undefined>): Tally {
  const found: Record<string, number> = {};
  for (const state of states) found[state ?? "none"] = (found[state ?? "none"] ?? 0) + 1;
  return found;
}

/** The tally in the order of attention. */
export function ordered(counts: Tally): [string, number][] {
  const rank = new Map<string, number>(ORDER.map((state, index) => [state, index]));
  return Object.entries(counts).filter(([, n]) => n > 0).sort(([a], [b]) => (rank.get(a) ?? 99) - (rank.get(b) ?? 99));
}

/** In words: "3 failed, 12 running, 297 success". */
export function inWords(counts: Tally): string {
  return ordered(counts).map(([state, n]) => `${n} ${look(state).word}`).join(", ") || "nothing";
}

/** A bar with a part for each state; its words are the label. Successes begin at the left, as work is done. */
export function StateBar({ counts, title }: { readonly counts: Tally; readonly title?: string }): JSX.Element {
  const parts = ordered(counts).reverse();
  const words = inWords(counts);
  return (
    <span className="statebar" role="img" aria-label={words} title={title ?? words}>
      {parts.map(([state, n]) => <i key={state} data-tone={look(state).tone} style={{ flexGrow: n }} />)}
    </span>
  );
}

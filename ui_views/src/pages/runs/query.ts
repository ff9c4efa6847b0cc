/** What a list of runs asks for: all of it stands in the page's address, so that a link shows the same list. */
import type { RunQuery } from "../../api/chronos";

/** By these runs can be narrowed; the server counts each of them. */
export const FACETS = ["state", "workflow", "step", "target", "node", "error", "image", "version"] as const;
export type Facet = (typeof FACETS)[number];

export const KINDS = ["workflow", "step", "any"] as const;
export type Kind = (typeof KINDS)[number];

/** Spans that end now, in hours. */
export const PERIODS = { "1h": 1, "24h": 24, "7d": 24 * 7, "30d": 24 * 30, "365d": 24 * 365 } as const;
export type Period = keyof typeof PERIODS;
export const DEFAULT_PERIOD: Period = "7d";

export interface Asked {
  readonly kind: Kind;
  readonly period: Period;
  /** Instants in place of a period; both or none. */
  readonly since: string | null;
  readonly until: string | null;
  readonly chosen: Readonly<Partial<Record<Facet, string>>>;
}

export function read(address: URLSearchParams): Asked {
  const chosen: Partial<Record<Facet, string>> = {};
  for (const facet of FACETS) {
    const value = address.get(facet);
    if (value) chosen[facet] = value;
  }
  const kind = KINDS.find((each) => each === address.get("kind")) ?? (chosen.step || chosen.error || chosen.node || chosen.image ? "step" : "workflow");
  const period = (Object.keys(PERIODS) as Period[]).find((each) => each === address.get("period")) ?? DEFAULT_PERIOD;
  const [since, until] = [instant(address.get("since")), instant(address.get("until"))];
  return since && until ? { kind, period, since, until, chosen } : { kind, period, since: null, until: null, chosen };
}

/** The query of the API; a period ends at `now` (milliseconds). */
export function toApi(asked: Asked, now: number): RunQuery {
  const since = asked.since ?? new Date(now - PERIODS[asked.period] * 3_600_000).toISOString();
  return { ...asked.chosen, kind: asked.kind === "any" ? undefined : asked.kind, since, until: asked.until ?? undefined };
}

/** Address of the list with these values; absent ones stand for the defaults. */
export function runsPath(values: Readonly<Record<string, string | undefined>>): string {
  const query = new URLSearchParams(Object.entries(values).filter((entry): entry is [string, string] => Boolean(entry[1])));
  const text = query.toString();
  return `/runs${text ? `?${text}` : ""}`;
}

function instant(text: string | null): string | null {
  return text && !Number.isNaN(Date.parse(text)) ? new Date(text).toISOString() : null;
}

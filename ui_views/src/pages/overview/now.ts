/** What the overview says: numbers of now and of the last day, from the history and from Airflow. */
import { useQuery } from "@tanstack/react-query";
import { airflow } from "../../api/airflow";
import { chronos, type Bucket } from "../../api/chronos";
import { every } from "../../app/live";

export const HOUR = 3_600_000;
const DAY = 24 * HOUR;

export interface Throughput {
  /** Begin of each hour, in milliseconds; the last is the current one. */
  readonly hours: readonly number[];
  readonly good: readonly number[];
  readonly failed: readonly number[];
  /** Ended a day before each hour. */
  readonly before: readonly number[];
}

export interface Made {
  readonly step: string;
  readonly workflow: string;
  readonly products: number;
  readonly bytes: number;
}

/** Executions of steps by the hour of their start, the last 24 hours beside the 24 before. */
export function throughput(buckets: readonly Bucket[], now: number): Throughput {
  const last = Math.floor(now / HOUR) * HOUR;
  const hours = Array.from({ length: 24 }, (_, index) => last - (23 - index) * HOUR);
  const good = new Map<number, number>();
  const failed = new Map<number, number>();
  for (const bucket of buckets) {
    if (!bucket.step) continue;
    const at = Date.parse(bucket.period);
    const side = bucket.state === "FAIL" || bucket.state === "ABORT" ? failed : good;
    side.set(at, (side.get(at) ?? 0) + bucket.runs);
  }
  const of = (side: ReadonlyMap<number, number>, shift = 0): number[] => hours.map((hour) => side.get(hour - shift) ?? 0);
  const before = of(good, DAY).map((n, index) => n + (of(failed, DAY)[index] ?? 0));
  return { hours, good: of(good), failed: of(failed), before };
}

/** Products of the last 24 hours by the step that made them, the most first. */
export function made(buckets: readonly Bucket[], now: number): Made[] {
  const found = new Map<string, { step: string; workflow: string; products: number; bytes: number }>();
  for (const { step, workflow, outputs, output_bytes: size, period } of buckets) {
    if (!step || outputs === 0 || Date.parse(period) < now - DAY) continue;
    const key = `${workflow}\n${step}`;
    const known = found.get(key) ?? { step, workflow, products: 0, bytes: 0 };
    known.products += outputs;
    known.bytes += size;
    found.set(key, known);
  }
  return [...found.values()].sort((a, b) => b.products - a.products);
}

export function useActivity() {
  return useQuery({
    queryKey: ["activity-now"],
    queryFn: async () => {
      const now = Date.now();
      const { buckets } = await chronos.activity(new Date(now - 2 * DAY - HOUR), new Date(now), "hour");
      return { now, throughput: throughput(buckets, now), made: made(buckets, now) };
    },
    refetchInterval: every(30),
  });
}

/** Runs in Airflow that have not ended. */
export function useWaiting() {
  return useQuery({
    queryKey: ["waiting"],
    queryFn: async () => {
      const [running, queued] = await Promise.all((["running", "queued"] as const).map((state) => airflow.runs({ state: [state], limit: 1 })));
      return { running: running?.total_entries ?? 0, queued: queued?.total_entries ?? 0 };
    },
    refetchInterval: every(5),
  });
}

/** Ended workflow runs of the last 24 hours by state, and why executions failed. */
export function useDay() {
  return useQuery({
    queryKey: ["day"],
    queryFn: async () => {
      const since = new Date(Date.now() - DAY).toISOString();
      const [whole, steps] = await Promise.all([chronos.facets({ kind: "workflow", since }), chronos.facets({ kind: "step", state: "FAIL", since })]);
      const states = whole.counts["state"] ?? {};
      const causes = Object.entries(steps.counts["error"] ?? {}).filter(([error]) => error !== "");
      return { ended: Object.values(states).reduce((sum, n) => sum + n, 0), failed: states["FAIL"] ?? 0, causes };
    },
    refetchInterval: every(15),
  });
}

export function useTargets() {
  return useQuery({ queryKey: ["targets"], queryFn: async () => (await chronos.targets()).targets, refetchInterval: every(5) });
}

export function useLastProducts() {
  return useQuery({
    queryKey: ["last-products"],
    queryFn: async () => (await chronos.datasets({ since: new Date(Date.now() - DAY).toISOString(), limit: 8 })).datasets,
    refetchInterval: every(15),
  });
}

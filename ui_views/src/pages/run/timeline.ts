/** The arithmetic of the timeline: seconds from the run's start. */
import type { DagRun, TaskInstance } from "../../api/airflow";

export interface Bar {
  readonly instance: TaskInstance;
  readonly name: string;
  readonly queued: number;
  readonly start: number;
  readonly end: number;
}

/** Rows of what has begun to wait, the earliest first (or together by step), and the seconds that they span. */
export function bars(
  instances: readonly TaskInstance[], run: DagRun, now: number, byStep = false,
): { readonly rows: readonly Bar[]; readonly span: number } {
  const zero = Date.parse(run.start_date ?? run.queued_at ?? new Date(now).toISOString());
  const since = (moment: string | null): number | null => (moment ? Math.max(0, (Date.parse(moment) - zero) / 1000) : null);
  const current = Math.max(0, (now - zero) / 1000);
  const rows = instances.flatMap((instance): Bar[] => {
    const start = since(instance.start_date);
    const queued = since(instance.queued_when) ?? start;
    if (queued === null) return [];
    const begun = start ?? since(instance.end_date) ?? current;
    const end = since(instance.end_date) ?? current;
    return [{ instance, name: nameOf(instance), queued: Math.min(queued, begun), start: begun, end: Math.max(begun, end) }];
  });
  const first = new Map<string, number>();
  for (const row of rows) first.set(row.instance.task_id, Math.min(first.get(row.instance.task_id) ?? Infinity, row.queued));
  const group = (row: Bar): number => (byStep ? (first.get(row.instance.task_id) ?? 0) : 0);
  rows.sort((a, b) => group(a) - group(b) || a.queued - b.queued || a.start - b.start || a.instance.map_index - b.instance.map_index);
  return { rows, span: Math.max(1, ...rows.map((row) => row.end)) };
}

function nameOf(instance: TaskInstance): string {
  const name = instance.task_display_name;
  return instance.map_index < 0 ? name : `${name} [${instance.rendered_map_index ?? instance.map_index}]`;
}

const STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 21600, 43200, 86400];

/** Round moments for the axis: at most nine. */
export function ticks(span: number): number[] {
  const step = STEPS.find((each) => span / each <= 8) ?? Math.ceil(span / 8 / 86400) * 86400;
  return Array.from({ length: Math.floor(span / step) + 1 }, (_, index) => index * step);
}

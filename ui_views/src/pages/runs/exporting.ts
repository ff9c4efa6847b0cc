/** Lists as files: CSV for tables, JSON for programs. */
import type { HistoryRun } from "../../api/chronos";

const COLUMNS: readonly (readonly [string, (run: HistoryRun) => string | number | null])[] = [
  ["id", (run) => run.id], ["state", (run) => run.state], ["workflow", (run) => run.job.workflow], ["step", (run) => run.job.step],
  ["map_index", (run) => run.map_index], ["attempt", (run) => run.attempt], ["started", (run) => run.started], ["ended", (run) => run.ended],
  ["duration_seconds", (run) => run.duration_seconds], ["target", (run) => run.target], ["node", (run) => run.node],
  ["exit_code", (run) => run.exit_code], ["cpu_seconds", (run) => run.cpu_seconds], ["max_rss_bytes", (run) => run.max_rss_bytes],
  ["wait_seconds", (run) => run.wait_seconds], ["image", (run) => run.job.image], ["version", (run) => run.job.version], ["error", (run) => run.error],
];

export function asCsv(runs: readonly HistoryRun[]): string {
  return table([COLUMNS.map(([name]) => name), ...runs.map((run) => COLUMNS.map(([, value]) => value(run)))]);
}

export function asJson(runs: readonly HistoryRun[]): string {
  return `${JSON.stringify(runs, null, 1)}\n`;
}

/** RFC 4180. A text that a spreadsheet would take for a formula gets an apostrophe before it. */
export function table(rows: readonly (readonly (string | number | null)[])[]): string {
  return rows.map((row) => row.map(cell).join(",")).join("\r\n") + "\r\n";
}

function cell(value: string | number | null): string {
  if (value === null) return "";
  if (typeof value === "number") return String(value);
  const text = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** Give the reader a file. */
export function save(name: string, type: string, content: string | Blob): void {
  const address = URL.createObjectURL(content instanceof Blob ? content : new Blob([content], { type }));
  Object.assign(document.createElement("a"), { href: address, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}

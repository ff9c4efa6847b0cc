/** Numbers, times and sizes as people read them. All text is plain; nothing here makes markup. */

import { language, t } from "./i18n";

const GROUPED = { en: new Intl.NumberFormat("en-GB"), fr: new Intl.NumberFormat("fr-FR") } as const;
const UNITS = ["B", "kB", "MB", "GB", "TB", "PB"] as const;

/** 1204 → "1,204". */
export function count(value: number): string {
  return GROUPED[language()].format(value);
}

/** A number with its noun: (1, "run") → "1 run", (3, "cause of failure", "causes of failure") → "3 causes of failure". */
export function counted(value: number, one: string, many: string): string {
  // French counts nothing as one.
  const single = language() === "fr" ? Math.abs(value) < 2 : value === 1;
  return `${count(value)} ${t(single ? one : many)}`;
}

/** Seconds → "2 h 05 min", "4 min 10 s", "12.3 s", "340 ms"; a dash where there is no number. */
export function duration(seconds: number | null | undefined): string {
  if (seconds === null || seconds === undefined || Number.isNaN(seconds)) return "–";
  const value = Math.max(0, seconds);
  if (value < 0.9995) return `${Math.round(value * 1000)} ms`;
  if (value < 59.95) return `${value < 9.95 ? value.toFixed(1) : Math.round(value)} s`;
  const whole = Math.round(value);
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${pad(whole % 60)} s`;
  const minutes = Math.round(value / 60);
  if (minutes < 48 * 60) return `${Math.floor(minutes / 60)} h ${pad(minutes % 60)} min`;
  const hours = Math.round(value / 3600);
  return `${Math.floor(hours / 24)} d ${pad(hours % 24)} h`;
}

/** Bytes → "1.2 GB" (powers of 1000). */
export function bytes(value: number | null | undefined): string {
  if (value === null || value === undefined) return "–";
  let rest = value;
  let unit = 0;
  while (rest >= 999.5 && unit < UNITS.length - 1) {
    rest /= 1000;
    unit += 1;
  }
  return `${unit === 0 || rest >= 99.95 ? Math.round(rest) : rest.toFixed(1)} ${UNITS[unit] ?? ""}`;
}

/** A moment in UTC: "2026-11-25 07:31:26". */
export function utc(value: string | number | Date | null | undefined): string {
  const moment = asDate(value);
  return moment ? moment.toISOString().slice(0, 19).replace("T", " ") : "–";
}

/** The same moment where the reader is, with the zone's name. */
export function local(value: string | number | Date | null | undefined): string {
  const moment = asDate(value);
  if (!moment) return "";
  return new Intl.DateTimeFormat(language() === "fr" ? "fr-FR" : "en-GB", { dateStyle: "medium", timeStyle: "long" }).format(moment);
}

/** "12 min ago", "in 41 min"; counted from `now` (milliseconds). */
export function ago(value: string | number | Date | null | undefined, now: number): string {
  const moment = asDate(value);
  if (!moment) return "";
  const seconds = (now - moment.getTime()) / 1000;
  if (Math.abs(seconds) < 5) return t("now");
  const words = duration(Math.abs(seconds) < 60 ? Math.round(Math.abs(seconds)) : Math.abs(seconds)).replace(
    /( min) \d\d s$/,
    "$1",
  );
  return seconds >= 0 ? t("{duration} ago", { duration: words }) : t("in {duration}", { duration: words });
}

/** Seconds between two moments; until `now` where the second is not there yet. */
export function seconds(start: string | null | undefined, end: string | null | undefined, now: number): number | null {
  if (!start) return null;
  return ((end ? Date.parse(end) : now) - Date.parse(start)) / 1000;
}

function asDate(value: string | number | Date | null | undefined): Date | null {
  if (value === null || value === undefined || value === "") return null;
  const moment = new Date(value);
  return Number.isNaN(moment.getTime()) ? null : moment;
}

function pad(value: number): string {
  return String(value).padStart(2, "0");
}

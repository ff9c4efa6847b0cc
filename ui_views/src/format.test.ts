import { describe, expect, it } from "vitest";
import { ago, bytes, counted, duration, seconds, utc } from "./format";

describe("duration", () => {
  it.each([
    [0, "0 ms"], [0.34, "340 ms"], [0.9999, "1.0 s"], [12.3, "12 s"], [59.96, "1 min 00 s"], [250, "4 min 10 s"],
    [3599.6, "1 h 00 min"], [7500, "2 h 05 min"], [86400 * 3, "3 d 00 h"], [-4, "0 ms"], [null, "–"], [Number.NaN, "–"],
  ])("%s s → %s", (value, words) => expect(duration(value)).toBe(words));
});

describe("bytes", () => {
  it.each([[0, "0 B"], [999, "999 B"], [1000, "1.0 kB"], [999_600, "1.0 MB"], [1.5e9, "1.5 GB"], [2.5e18, "2500 PB"], [null, "–"]])(
    "%s → %s", (value, words) => expect(bytes(value)).toBe(words),
  );
});

describe("times", () => {
  const now = Date.parse("2026-11-25T12:00:00Z");
  it("are in UTC", () => expect(utc("2026-11-25T13:00:00+01:00")).toBe("2026-11-25 12:00:00"));
  it("say how long ago", () => expect(ago("2026-11-25T11:47:30Z", now)).toBe("12 min ago"));
  it("say how far ahead", () => expect(ago("2026-11-25T12:41:00Z", now)).toBe("in 41 min"));
  it("are empty where there is none", () => expect([utc("no time"), ago(null, now)]).toEqual(["–", ""]));
  it("span until now while open", () => expect(seconds("2026-11-25T11:59:00Z", null, now)).toBe(60));
});

it("counts with its noun", () => {
  expect([counted(1, "run", "runs"), counted(1204, "run", "runs"), counted(3, "cause of failure", "causes of failure")]).toEqual([
    "1 run", "1,204 runs", "3 causes of failure",
  ]);
});

import { describe, expect, it } from "vitest";
import { throughput } from "../overview/now";
import { grouped } from "./actions";
import { table } from "./exporting";
import { read, runsPath, toApi } from "./query";

describe("the address of a list", () => {
  const asked = (text: string) => read(new URLSearchParams(text));
  it("says what is asked", () => expect(asked("state=FAIL&workflow=w").chosen).toEqual({ state: "FAIL", workflow: "w" }));
  it("lists workflow runs unless steps are meant", () => {
    expect([asked("").kind, asked("step=a").kind, asked("kind=any&step=a").kind, asked("kind=nonsense").kind]).toEqual(["workflow", "step", "any", "workflow"]);
  });
  it("ends a period now", () => expect(toApi(asked("period=24h"), Date.parse("2026-11-25T12:00:00Z"))["since"]).toBe("2026-11-24T12:00:00.000Z"));
  it("takes two instants or none", () => {
    expect(asked("since=2026-11-25T00:00:00Z").since).toBeNull();
    expect(asked("since=2026-11-25T00:00:00Z&until=never").since).toBeNull();
    expect(toApi(asked("since=2026-11-25T00:00:00Z&until=2026-11-26T00:00:00Z"), 0)["until"]).toBe("2026-11-26T00:00:00.000Z");
  });
  it("holds what is in it and no more", () => expect([runsPath({}), runsPath({ state: "FAIL", step: undefined, error: "a b" })]).toEqual(["/runs", "/runs?state=FAIL&error=a+b"]));
});

describe("CSV", () => {
  it("quotes what would end a cell", () => expect(table([["a,b", 'say "x"', "two\nlines", 3, null]])).toBe('"a,b","say ""x""","two\nlines",3,\r\n'));
  it("keeps a spreadsheet from calculating names", () => expect(table([["=1+1", "-x", "@a"]])).toBe("'=1+1,'-x,'@a\r\n"));
});

describe("a selection", () => {
  const place = (task: string | null, mapIndex = -1, runId = "r") => ({ dagId: "d", runId, task, mapIndex });
  it("becomes one part a DAG run", () => {
    expect(grouped([place("a"), place("b", 3), place("b", 3), place("a", -1, "s")])).toEqual([
      { dagId: "d", runId: "r", tasks: ["a", ["b", 3]] }, { dagId: "d", runId: "s", tasks: ["a"] },
    ]);
  });
  it("of a whole run stands for its tasks", () => expect(grouped([place("a"), place(null), place("b")])).toEqual([{ dagId: "d", runId: "r", tasks: [] }]));
});

describe("throughput", () => {
  const now = Date.parse("2026-11-25T12:30:00Z");
  const bucket = (period: string, state: "COMPLETE" | "FAIL", runs: number, step = "s") => ({ period, workflow: "w", step, state, runs, cpu_seconds: 0, duration_seconds: 0, outputs: 0, output_bytes: 0 });
  it("counts executions by hour beside the day before", () => {
    const found = throughput([
      bucket("2026-11-25T12:00:00Z", "COMPLETE", 5), bucket("2026-11-25T12:00:00Z", "FAIL", 1), bucket("2026-11-24T12:00:00Z", "COMPLETE", 7),
      bucket("2026-11-24T12:00:00Z", "FAIL", 2), bucket("2026-11-25T12:00:00Z", "COMPLETE", 99, ""),
    ], now);
    expect([found.hours.length, found.good.at(-1), found.failed.at(-1), found.before.at(-1), found.good[0]]).toEqual([24, 5, 1, 9, 0]);
  });
});

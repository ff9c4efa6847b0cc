import { describe, expect, it } from "vitest";
import type { Parameter } from "../../api/chronos";
import { controlOf, read, toText, toValue } from "./inputs";

const parameter = (name: string, type: unknown, byDefault: unknown = null): Parameter => ({ name, type, label: null, doc: null, default: byDefault });

describe("controls", () => {
  it.each([
    ["string", "text"], [["null", "int"], "integer"], ["double", "number"], ["File", "file"], [["null", "Directory"], "directory"],
    [{ type: "array", items: "int" }, "json"], [["int", "string"], "json"], [{ type: "enum", symbols: ["f#kind/a", "b"] }, "choice"], ["Any", "json"],
  ])("%j → %s", (type, kind) => expect(controlOf(type).kind).toBe(kind));
  it("choose the short names of symbols", () => expect(controlOf({ type: "enum", symbols: ["f#kind/a", "b"] })).toEqual({ kind: "choice", choices: ["a", "b"] }));
});

describe("values", () => {
  it.each<[unknown, unknown]>([["string", " a "], ["int", -3], ["double", 0.25], ["boolean", true], ["boolean", false], [{ type: "array", items: "int" }, [1, 2]]])(
    "of %j come back", (type, value) => expect(toValue(toText(value, type), type)).toEqual(value),
  );
  it("are files by path or by URI", () => {
    expect([toValue("/data/a.nc", "File"), toValue("s3://b/a.nc", "File"), toValue("/data", "Directory")]).toEqual([
      { class: "File", path: "/data/a.nc" }, { class: "File", location: "s3://b/a.nc" }, { class: "Directory", path: "/data" },
    ]);
  });
  it.each([["int", "1.5"], ["double", "x"], [["int", "string"], "{"]])("of %j are not %s", (type, text) => expect(() => toValue(text, type)).toThrow());
});

describe("a form", () => {
  it("leaves out what is empty, and says what must not be", () => {
    const found = read([parameter("a", "int", 3), parameter("b", ["null", "string"]), parameter("c", "File"), parameter("d", "int")], { d: "no" });
    expect(found).toEqual({ inputs: {}, wrong: { c: "a value: there is no default", d: "a whole number" } });
  });
});

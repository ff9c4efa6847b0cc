import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { counted } from "../format";
import { speak, t } from "../i18n";
import { FRENCH } from "./fr";

const SOURCES = join(import.meta.dirname, "..");

/** Every message in the source: what `t("…")` says, and the nouns that `counted(…, "…", "…")` counts. */
function messages(): Set<string> {
  const found = new Set<string>();
  for (const name of readdirSync(SOURCES, { recursive: true, encoding: "utf-8" })) {
    if (!/\.tsx?$/.test(name) || /test|catalogue/.test(name)) continue;
    const text = readFileSync(join(SOURCES, name), "utf-8");
    for (const match of text.matchAll(/\bt\(\s*("(?:[^"\\]|\\.)*")/g)) found.add(JSON.parse(match[1] ?? '""') as string);
    for (const match of text.matchAll(/\bcounted\([^()]*(?:\([^()]*\))*[^()]*?,\s*("[^"]*"),\s*("[^"]*")\)/g)) {
      for (const noun of match.slice(1)) found.add(JSON.parse(noun) as string);
    }
  }
  return found;
}

const holes = (text: string): string[] => [...text.matchAll(/\{\w+\}/g)].map(([hole]) => hole).sort();

describe("the French catalogue", () => {
  const used = messages();
  it("has every message", () => expect([...used].filter((each) => !(each in FRENCH))).toEqual([]));
  it("has no other", () => expect(Object.keys(FRENCH).filter((each) => !used.has(each))).toEqual([]));
  it.each(Object.entries(FRENCH))("keeps what is put into %s", (english, french) => expect(holes(french)).toEqual(holes(english)));
});

describe("a message", () => {
  afterEach(() => speak("en"));
  it("is its own English", () => expect(t("in {duration}", { duration: "3 min" })).toBe("in 3 min"));
  it("is in the chosen language", async () => {
    await speak("fr");
    expect(t("in {duration}", { duration: "3 min" })).toBe("dans 3 min");
    expect([counted(0, "run", "runs"), counted(2, "run", "runs")]).toEqual(["0 exécution", "2 exécutions"]);
  });
});

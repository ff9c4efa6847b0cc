/** From the text in a field to a CWL value and back. */
import type { Parameter } from "../../api/chronos";

export type Control =
  | { readonly kind: "text" | "number" | "integer" | "boolean" | "file" | "directory" | "json" }
  | { readonly kind: "choice"; readonly choices: readonly string[] };

/** A text for each field; what cannot be said so is JSON. */
export type Texts = Readonly<Record<string, string>>;

const SIMPLE: Readonly<Record<string, Control>> = {
  string: { kind: "text" }, int: { kind: "integer" }, long: { kind: "integer" }, float: { kind: "number" }, double: { kind: "number" },
  boolean: { kind: "boolean" }, File: { kind: "file" }, Directory: { kind: "directory" },
};

/** Characters of JSON that stand on one line. */
const LINE = 60;

export function isOptional(type: unknown): boolean {
  return type === "null" || (Array.isArray(type) && type.includes("null"));
}

export function controlOf(type: unknown): Control {
  const types = Array.isArray(type) ? (type as unknown[]).filter((each) => each !== "null") : [type];
  const only = types[0];
  if (types.length !== 1) return { kind: "json" };
  if (typeof only === "string") return SIMPLE[only] ?? { kind: "json" };
  const shape = only as { type?: unknown; symbols?: unknown } | null;
  if (shape?.type === "enum" && Array.isArray(shape.symbols)) {
    return { kind: "choice", choices: (shape.symbols as unknown[]).map((each) => String(each).split(/[#/]/).at(-1) ?? "") };
  }
  return { kind: "json" };
}

/** The text that stands for a value in a field of its type; empty for none. */
export function toText(value: unknown, type: unknown): string {
  if (value === null || value === undefined) return "";
  const { kind } = controlOf(type);
  if (kind === "file" || kind === "directory") {
    const { location, path } = value as { location?: unknown; path?: unknown };
    if (typeof location === "string") return location;
    return typeof path === "string" ? path : JSON.stringify(value);
  }
  const plain = typeof value === "string" || typeof value === "number" || typeof value === "boolean";
  if (kind !== "json" && plain) return String(value);
  const short = JSON.stringify(value);
  return short.length <= LINE ? short : JSON.stringify(value, null, 1);
}

/** @throws {Error} when the text is no value of the type; the message says what is asked. */
export function toValue(text: string, type: unknown): unknown {
  const control = controlOf(type);
  const trimmed = text.trim();
  switch (control.kind) {
    case "text": return text;
    case "choice": return trimmed;
    case "boolean": return trimmed === "true";
    case "integer": if (/^[+-]?\d+$/.test(trimmed)) return Number(trimmed); throw new Error("a whole number");
    case "number": if (trimmed !== "" && Number.isFinite(Number(trimmed))) return Number(trimmed); throw new Error("a number");
    case "file": case "directory": return reference(trimmed, control.kind === "file" ? "File" : "Directory");
    case "json": try {
      return JSON.parse(trimmed) as unknown;
    } catch {
      throw new Error("JSON, such as [1, 2] or \"text\"");
    }
  }
}

function reference(text: string, kind: "File" | "Directory"): unknown {
  if (text.startsWith("{")) return JSON.parse(text);
  return { class: kind, ...(/^[a-z][a-z0-9+.-]*:/i.test(text) ? { location: text } : { path: text }) };
}

export interface Read {
  readonly inputs: Readonly<Record<string, unknown>>;
  /** What is wrong, by input. */
  readonly wrong: Readonly<Record<string, string>>;
}

/** The input object of a form: what is empty is left out, so that the document's default counts. */
export function read(parameters: readonly Parameter[], texts: Texts): Read {
  const inputs: Record<string, unknown> = {};
  const wrong: Record<string, string> = {};
  for (const { name, type, default: byDefault } of parameters) {
    const text = texts[name] ?? "";
    if (text === "") {
      if (!isOptional(type) && (byDefault === null || byDefault === undefined)) wrong[name] = "a value: there is no default";
      continue;
    }
    try {
      inputs[name] = toValue(text, type);
    } catch (error) {
      wrong[name] = error instanceof Error ? error.message : String(error);
    }
  }
  return { inputs, wrong };
}

/** Reading a command line against the input object that it was made from. */
import type { CwlObject } from "../../api/chronos";

/** For each argument the input whose value it is, or null: files by their base name, the rest by what is written. */
export function origins(command: readonly string[], inputs: CwlObject): (string | null)[] {
  const files = new Map<string, string>();
  const plain = new Map<string, string>();
  const visit = (name: string, value: unknown): void => {
    if (Array.isArray(value)) value.forEach((each) => visit(name, each));
    else if (typeof value === "object" && value !== null) {
      const file = value as { class?: unknown; basename?: unknown };
      if (file.class === "File" || file.class === "Directory") {
        if (typeof file.basename === "string") files.set(file.basename, name);
      } else Object.values(value).forEach((each) => visit(name, each));
    } else if (typeof value === "number" || (typeof value === "string" && value !== "")) plain.set(String(value), name);
  };
  for (const [name, value] of Object.entries(inputs)) visit(name, value);
  return command.map((argument, index) => {
    // The program itself comes from the document.
    if (index === 0) return null;
    const value = argument.startsWith("-") && argument.includes("=") ? argument.slice(argument.indexOf("=") + 1) : argument;
    return files.get(value.slice(value.lastIndexOf("/") + 1)) ?? plain.get(value) ?? null;
  });
}

/** An argument without the part of a path that says only where the work directory is. */
export function short(argument: string, work: string | null): string {
  const base = work ?? "{work_directory}";
  if (argument.startsWith(`${base}/`)) {
    const rest = argument.slice(base.length + 1);
    return `…/${rest.replace(/^tmp\/[^/]+\/stg[0-9a-f-]+\//, "")}`;
  }
  return argument;
}

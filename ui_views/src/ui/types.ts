/** A CWL type in its short form: ["null", "File"] → "File?", an array of strings → "string[]". */
export function typeText(type: unknown): string {
  if (typeof type === "string") return type.split("#").at(-1) ?? type;
  if (Array.isArray(type)) {
    const rest = (type as unknown[]).filter((each) => each !== "null");
    return rest.map(typeText).join(" | ") + (rest.length < type.length ? "?" : "");
  }
  const shape = type as { type?: unknown; items?: unknown; name?: unknown } | null;
  if (shape?.type === "array") return `${typeText(shape.items)}[]`;
  if (typeof shape?.name === "string") return typeText(shape.name);
  return typeof shape?.type === "string" ? shape.type : "any";
}

/** The picture as a file: drawn anew from the places of its nodes, with texts as texts. */
import type { Placed } from "../../ui/graph/layout";
import type { LineagePicture } from "./model";

export { save } from "../runs/exporting";

const MARGIN = 20;
const CHARACTERS = 34;

export function asSvg(picture: LineagePicture, placed: ReadonlyMap<string, Placed>): string {
  const boxes = picture.nodes.flatMap((node) => {
    const place = placed.get(node.id);
    return place ? [{ node, place }] : [];
  });
  const width = Math.max(1, ...boxes.map(({ place }) => place.x + place.width)) + 2 * MARGIN;
  const height = Math.max(1, ...boxes.map(({ place }) => place.y + place.height)) + 2 * MARGIN;
  const lines = picture.edges.flatMap(({ from, to }) => {
    const [a, b] = [placed.get(from), placed.get(to)];
    if (!a || !b) return [];
    const [x1, y1, x2, y2] = [a.x + a.width, a.y + a.height / 2, b.x, b.y + b.height / 2];
    const bend = Math.max(20, (x2 - x1) / 2);
    return [`<path d="M${x1} ${y1}C${x1 + bend} ${y1} ${x2 - bend} ${y2} ${x2} ${y2}" fill="none" stroke="#9aa5b8" marker-end="url(#end)"/>`];
  });
  const shapes = boxes.map(({ node, place }) => {
    const words = node.members.length > 1 ? `${node.members.length} × ${node.label}` : node.label;
    const failed = node.members.some((member) => member.state === "FAIL");
    return `<g><rect x="${place.x}" y="${place.y}" width="${place.width}" height="${place.height}" rx="${node.kind === "run" ? 16 : 2}" fill="${node.start ? "#e4ecfb" : "#ffffff"}" stroke="${failed ? "#c8102e" : "#5b6b85"}"/>` +
      `<title>${escaped(words)}</title><text x="${place.x + 10}" y="${place.y + 21}">${escaped(short(words))}</text>` +
      `<text x="${place.x + 10}" y="${place.y + 38}" fill="#5b6b85">${escaped(short(node.kind === "run" ? (failed ? "failed" : "") : node.type))}</text></g>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="${-MARGIN} ${-MARGIN} ${width} ${height}" font-family="sans-serif" font-size="12">` +
    `<defs><marker id="end" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto"><path d="M0 0 8 4 0 8z" fill="#9aa5b8"/></marker></defs>` +
    `<rect x="${-MARGIN}" y="${-MARGIN}" width="${width}" height="${height}" fill="#ffffff"/>${lines.join("")}${shapes.join("")}</svg>\n`;
}

const SHARPNESS = 2;
const LARGEST = 12_000;

/** @throws {Error} when the browser cannot draw it. */
export async function asPng(picture: LineagePicture, placed: ReadonlyMap<string, Placed>): Promise<Blob> {
  const image = new Image();
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(asSvg(picture, placed))}`;
  await image.decode();
  const scale = Math.min(SHARPNESS, LARGEST / Math.max(image.width, image.height));
  const canvas = Object.assign(document.createElement("canvas"), { width: image.width * scale, height: image.height * scale });
  canvas.getContext("2d")?.drawImage(image, 0, 0, canvas.width, canvas.height);
  return new Promise((resolve, reject) => canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error("the picture could not be made"))), "image/png"));
}

function short(text: string): string {
  return text.length > CHARACTERS ? `${text.slice(0, CHARACTERS - 1)}…` : text;
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");
}

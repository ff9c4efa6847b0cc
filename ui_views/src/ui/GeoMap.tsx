/** GeoJSON as a plain picture: longitude and latitude on straight axes, without a map service. */
import { useMemo, type JSX } from "react";
import { Problem } from "./basics";
import { shapes, type Shapes } from "./geojson";

const WIDTH = 640;

export function GeoMap({ text, name }: { readonly text: string; readonly name: string }): JSX.Element {
  const drawn = useMemo((): Shapes | Error => {
    try {
      return shapes(JSON.parse(text));
    } catch (error) {
      return error instanceof Error ? error : new Error(String(error));
    }
  }, [text]);
  if (drawn instanceof Error) return <Problem error={drawn} what="the map" />;
  if (!drawn.box) return <p className="small muted">The file has no coordinates.</p>;
  const [west, south, east, north] = drawn.box;
  const pad = Math.max(0.02, (east - west) * 0.04, (north - south) * 0.04);
  const w = east - west + 2 * pad;
  const h = north - south + 2 * pad;
  // Degrees of longitude are shorter away from the equator.
  const stretch = Math.max(0.2, Math.cos(((south + north) / 2) * (Math.PI / 180)));
  const height = Math.min(480, Math.max(140, (WIDTH * h) / (w * stretch)));
  const x = (longitude: number): number => ((longitude - west + pad) / w) * WIDTH;
  const y = (latitude: number): number => ((north + pad - latitude) / h) * height;
  const path = (line: readonly (readonly [number, number])[]): string => line.map(([a, b], i) => `${i ? "L" : "M"}${x(a).toFixed(1)} ${y(b).toFixed(1)}`).join("");
  return (
    <figure className="preview">
      <svg viewBox={`0 0 ${WIDTH} ${height}`} width="100%" style={{ maxWidth: WIDTH }} role="img" aria-label={`Map of ${name}: ${drawn.features} features`} className="map">
        {graticule(west - pad, east + pad).map((at) => <line key={`x${at}`} x1={x(at)} x2={x(at)} y1={0} y2={height} />)}
        {graticule(south - pad, north + pad).map((at) => <line key={`y${at}`} y1={y(at)} y2={y(at)} x1={0} x2={WIDTH} />)}
        {drawn.areas.map((rings, i) => <path key={`a${i}`} className="area" d={rings.map((ring) => `${path(ring)}Z`).join("")} fillRule="evenodd" />)}
        {drawn.lines.map((line, i) => <path key={`l${i}`} className="line" d={path(line)} />)}
        {drawn.points.map(([a, b], i) => <circle key={`p${i}`} cx={x(a)} cy={y(b)} r={3} />)}
      </svg>
      <figcaption className="small muted">
        {drawn.features} features, {west.toFixed(2)}° to {east.toFixed(2)}° E, {south.toFixed(2)}° to {north.toFixed(2)}° N
        {drawn.cut ? "; the first 2,000 shapes are drawn" : ""}
      </figcaption>
    </figure>
  );
}

function graticule(from: number, to: number): number[] {
  const step = [0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 60].find((each) => (to - from) / each <= 8) ?? 90;
  const first = Math.ceil(from / step);
  return Array.from({ length: Math.max(0, Math.floor(to / step) - first + 1) }, (_, i) => (first + i) * step);
}

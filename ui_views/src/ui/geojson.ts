/** The shapes in a GeoJSON text, with their bounding box. */
type Point = readonly [number, number];

export interface Shapes {
  readonly features: number;
  readonly areas: readonly (readonly (readonly Point[])[])[];
  readonly lines: readonly (readonly Point[])[];
  readonly points: readonly Point[];
  /** West, south, east, north; null where there is no coordinate. */
  readonly box: readonly [number, number, number, number] | null;
  readonly cut: boolean;
}

const MOST = 2000;

interface Geo {
  readonly type?: unknown;
  readonly features?: readonly Geo[];
  readonly geometry?: Geo | null;
  readonly geometries?: readonly Geo[];
  readonly coordinates?: unknown;
}

/** @throws {Error} where the value is no GeoJSON. */
export function shapes(value: unknown): Shapes {
  const areas: Point[][][] = [];
  const lines: Point[][] = [];
  const points: Point[] = [];
  let features = 0;

  const visit = (geo: Geo | null | undefined): void => {
    if (!geo) return;
    const c = geo.coordinates;
    switch (geo.type) {
      case "FeatureCollection": (geo.features ?? []).forEach(visit); break;
      case "Feature": features += 1; visit(geo.geometry); break;
      case "GeometryCollection": (geo.geometries ?? []).forEach(visit); break;
      case "Point": points.push(...list([c])); break;
      case "MultiPoint": points.push(...list(c)); break;
      case "LineString": lines.push(list(c)); break;
      case "MultiLineString": lines.push(...many(c).map(list)); break;
      case "Polygon": areas.push(many(c).map(list)); break;
      case "MultiPolygon": areas.push(...many(c).map((each) => many(each).map(list))); break;
      default: throw new Error(`${String(geo.type)} is no type of GeoJSON`);
    }
  };
  visit(value as Geo);

  const all = [...areas.flat(2), ...lines.flat(), ...points];
  return {
    features: features || areas.length + lines.length + points.length,
    areas: areas.slice(0, MOST), lines: lines.slice(0, MOST), points: points.slice(0, MOST),
    box: all.length > 0 ? bounds(all) : null,
    cut: areas.length + lines.length + points.length > MOST,
  };
}

function bounds(all: readonly Point[]): readonly [number, number, number, number] {
  let [west, south, east, north] = [Infinity, Infinity, -Infinity, -Infinity];
  for (const [x, y] of all) {
    west = Math.min(west, x);
    south = Math.min(south, y);
    east = Math.max(east, x);
    north = Math.max(north, y);
  }
  return [west, south, east, north];
}

function many(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? (value as unknown[]) : [];
}

function list(value: unknown): Point[] {
  return many(value).flatMap((each): Point[] => {
    const [x, y] = many(each);
    return typeof x === "number" && typeof y === "number" && Number.isFinite(x) && Number.isFinite(y) ? [[x, y]] : [];
  });
}

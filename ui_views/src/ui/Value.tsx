/** A CWL value as people read it: files with size and checksum and a preview, the rest as JSON. */
import { useQuery } from "@tanstack/react-query";
import { useState, type JSX } from "react";
import { chronos } from "../api/chronos";
import { address } from "../api/http";
import { bytes, count } from "../format";
import { Copied, Problem, Skeleton, To } from "./basics";
import { GeoMap } from "./GeoMap";
import { parseCsv } from "./csv";

export interface FileValue {
  readonly class: "File" | "Directory";
  readonly location?: string;
  readonly basename?: string;
  readonly size?: number;
  readonly checksum?: string;
  readonly format?: string;
  readonly secondaryFiles?: readonly FileValue[];
}

export function isFile(value: unknown): value is FileValue {
  return typeof value === "object" && value !== null && ["File", "Directory"].includes(String((value as { class?: unknown }).class));
}

interface Where {
  readonly dagId: string;
  readonly runId: string;
  /** Whether files can be looked at here: those that the run's own inputs and outputs name. */
  readonly preview?: boolean;
}

const SHOWN = 8;

export function Value({ value, ...where }: Where & { readonly value: unknown }): JSX.Element {
  const [all, setAll] = useState(false);
  if (value === null || value === undefined) return <span className="muted">null</span>;
  if (isFile(value)) return <FileView file={value} {...where} />;
  if (Array.isArray(value)) {
    const list: readonly unknown[] = value;
    if (list.every((each) => typeof each !== "object" || each === null)) return <code className="small">{JSON.stringify(list).slice(0, 2000)}</code>;
    return (
      <ol className="stack" style={{ gap: 6 }}>
        {(all ? list : list.slice(0, SHOWN)).map((each, index) => <li key={index}><Value value={each} {...where} /></li>)}
        {list.length > SHOWN && !all && (
          <li><button type="button" className="button quiet" onClick={() => setAll(true)}>show all {count(list.length)}</button></li>
        )}
      </ol>
    );
  }
  if (typeof value === "object") {
    const entries: [string, unknown][] = Object.entries(value);
    return (
      <dl className="defs small record">
        {entries.map(([name, inner]) => [<dt key={`${name}k`} className="mono">{name}</dt>, <dd key={`${name}v`}><Value value={inner} {...where} /></dd>])}
      </dl>
    );
  }
  return typeof value === "string" ? <span>{value}</span> : <code>{JSON.stringify(value)}</code>;
}

function FileView({ file, dagId, runId, preview = false }: Where & { readonly file: FileValue }): JSX.Element {
  const [open, setOpen] = useState(false);
  const kind = kindOf(file);
  const name = file.basename ?? file.location ?? file.class;
  const location = file.location ?? "";
  return (
    <div className="file">
      <div className="row wrap" style={{ gap: 10 }}>
        <span className="mono">{name}{file.class === "Directory" ? "/" : ""}</span>
        {file.size !== undefined && <span className="small muted num">{bytes(file.size)}</span>}
        {preview && kind && location.startsWith("file:") && (
          <button type="button" className="button quiet small" aria-expanded={open} onClick={() => setOpen(!open)}>{open ? "hide" : "look"}</button>
        )}
        {location && <To className="small" path={`/lineage?at=${encodeURIComponent(location)}`}>lineage</To>}
        {location && <Copied text={decodeURIComponent(location.replace(/^file:\/\//, ""))}>copy path</Copied>}
      </div>
      {file.checksum && <div className="small muted mono clip">{file.checksum}</div>}
      {(file.secondaryFiles ?? []).length > 0 && <div className="small muted">with {(file.secondaryFiles ?? []).map((each) => each.basename).join(", ")}</div>}
      {open && kind && <Preview kind={kind} dagId={dagId} runId={runId} location={location} name={name} />}
    </div>
  );
}

type Kind = "image" | "geojson" | "json" | "csv" | "text";

function kindOf(file: FileValue): Kind | null {
  const name = (file.basename ?? "").toLowerCase();
  if (/\.(png|jpe?g|gif|webp)$/.test(name)) return "image";
  if (name.endsWith(".geojson")) return "geojson";
  if (name.endsWith(".json")) return "json";
  if (name.endsWith(".csv")) return "csv";
  if (/\.(txt|log|md|ya?ml|cwl|xml|tle|hdr|out|err|stdout|stderr)$/.test(name)) return "text";
  return null;
}

function Preview({ kind, dagId, runId, location, name }: Where & { readonly kind: Kind; readonly location: string; readonly name: string }): JSX.Element {
  const text = useQuery({
    queryKey: ["file", dagId, runId, location], enabled: kind !== "image", staleTime: Infinity,
    queryFn: () => chronos.fileText(dagId, runId, location),
  });
  if (kind === "image") return <img className="preview" src={address(chronos.fileAddress(dagId, runId), { location })} alt={`Content of ${name}`} />;
  if (text.error) return <Problem error={text.error} what="the file" />;
  if (text.data === undefined) return <Skeleton rows={4} />;
  switch (kind) {
    case "geojson": return <GeoMap text={text.data} name={name} />;
    case "csv": return <Csv text={text.data} name={name} />;
    case "json": return <pre className="block small preview">{pretty(text.data)}</pre>;
    case "text": return <pre className="block small preview">{text.data.slice(0, 100_000)}</pre>;
  }
}

function Csv({ text, name }: { readonly text: string; readonly name: string }): JSX.Element {
  const { header, rows, total } = parseCsv(text, 200);
  return (
    <div className="preview" tabIndex={0} role="region" aria-label={`Content of ${name}`}>
      <table className="table small">
        <thead><tr>{header.map((each, index) => <th key={index} scope="col">{each}</th>)}</tr></thead>
        <tbody>{rows.map((row, index) => <tr key={index}>{row.map((each, column) => <td key={column} className={isNumber(each) ? "num" : ""}>{each}</td>)}</tr>)}</tbody>
      </table>
      {total > rows.length && <p className="small muted">first {count(rows.length)} of {count(total)} rows</p>}
    </div>
  );
}

function isNumber(text: string): boolean {
  return text !== "" && !Number.isNaN(Number(text));
}

function pretty(text: string): string {
  try {
    return JSON.stringify(JSON.parse(text), null, 2).slice(0, 100_000);
  } catch {
    return text.slice(0, 100_000);
  }
}

/** Where it ran: target, node, native id; what was asked against what was used; the way from queue to record. */
import type { JSX, ReactNode } from "react";
import type { TaskInstance } from "../../api/airflow";
import type { CwlObject, Execution, HistoryRun } from "../../api/chronos";
import { bytes, duration } from "../../format";
import { Card, Copied, Meter, Time, To } from "../../ui/basics";

export function Where({ instance, execution, run, context }: {
  readonly instance: TaskInstance; readonly execution: Execution | undefined; readonly run: HistoryRun | undefined; readonly context: CwlObject | undefined;
}): JSX.Element {
  const result = execution?.result;
  const work = result?.work ?? asText(context?.["work_directory"]);
  const exit = result?.exit_code ?? run?.exit_code;
  return (
    <Card title="Where it ran">
      <div className="stack">
        <dl className="defs">
          <Row name="target">{run ? <To path={`/runs?target=${encodeURIComponent(run.target)}`}>{run.target}</To> : "–"}</Row>
          <Row name="node"><span className="mono">{run?.node || instance.hostname || "–"}</span></Row>
          {run?.job.image && <Row name="image"><span className="mono">{run.job.image}</span> <Copied text={run.job.image} /></Row>}
          {asText(context?.["native_id"]) && <Row name="native id"><span className="mono">{asText(context?.["native_id"])}</span> <Copied text={asText(context?.["native_id"]) ?? ""} /></Row>}
          <Row name="exit code"><span className="mono">{exit ?? "–"}</span></Row>
          <Row name="pool, queue">{instance.pool}{instance.queue ? `, ${instance.queue}` : ""}</Row>
          {work && <Row name="work directory"><span className="mono small">{work}</span> <Copied text={work} /></Row>}
          {asText(context?.["why"]) && <Row name="why there">{asText(context?.["why"])}</Row>}
        </dl>
        <Resources result={result} run={run} asked={(context?.["asked"] ?? {}) as Record<string, unknown>} />
        <Way instance={instance} run={run} />
      </div>
    </Card>
  );
}

function Row({ name, children }: { readonly name: string; readonly children: ReactNode }): JSX.Element {
  return <><dt>{name}</dt><dd>{children}</dd></>;
}

function Resources({ result, run, asked }: {
  readonly result: Execution["result"] | undefined; readonly run: HistoryRun | undefined; readonly asked: Readonly<Record<string, unknown>>;
}): JSX.Element {
  const cpu = result?.usage?.cpu_seconds ?? run?.cpu_seconds ?? null;
  const memory = result?.usage?.max_rss_bytes ?? run?.max_rss_bytes ?? null;
  const wall = result?.usage?.wall_seconds ?? run?.duration_seconds ?? null;
  const cores = asNumber(asked["cores"]) ?? 1;
  const ram = asNumber(asked["ram"]);
  const efficiency = cpu !== null && wall ? cpu / (wall * cores) : null;
  return (
    <div className="stack" style={{ gap: 7 }}>
      <h3>Resources</h3>
      <Used name="CPU" words={`${duration(cpu)} in ${duration(wall)} on ${cores} ${cores === 1 ? "core" : "cores"}${efficiency === null ? "" : ` (${Math.round(efficiency * 100)} %)`}`}
        value={efficiency ?? 0} of={1} />
      <Used name="memory" words={ram ? `${bytes(memory)} of ${bytes(ram * 1048576)} asked` : `${bytes(memory)} at most; nothing was asked`}
        value={memory ?? 0} of={ram ? ram * 1048576 : Math.max(memory ?? 0, 1) * 2} tone={ram && memory && memory > ram * 1048576 ? "failed" : undefined} />
    </div>
  );
}

function Used({ name, words, value, of, tone }: {
  readonly name: string; readonly words: string; readonly value: number; readonly of: number; readonly tone?: string | undefined;
}): JSX.Element {
  return (
    <div>
      <div className="row small"><span>{name}</span><span className="right num">{words}</span></div>
      <Meter value={value} of={of} label={`${name}: ${words}`} {...(tone ? { tone } : {})} />
    </div>
  );
}

function Way({ instance, run }: { readonly instance: TaskInstance; readonly run: HistoryRun | undefined }): JSX.Element {
  const steps: [string, string | null | undefined][] = [
    ["queued", instance.queued_when], ["task began", instance.start_date], ["execution began", run?.started], ["execution ended", run?.ended], ["task ended", instance.end_date],
  ];
  return (
    <div className="stack" style={{ gap: 4 }}>
      <h3>From queue to record</h3>
      <ol className="way small">
        {steps.filter(([, at]) => at).map(([name, at]) => <li key={name} className="row"><span>{name}</span><span className="right"><Time at={at} /></span></li>)}
      </ol>
    </div>
  );
}

function asText(value: unknown): string | null {
  return typeof value === "string" && value !== "" ? value : typeof value === "number" ? String(value) : null;
}

function asNumber(value: unknown): number | null {
  return typeof value === "number" && Number.isFinite(value) ? value : null;
}

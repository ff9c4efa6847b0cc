/** What ran: the command with its arguments coloured by the input they come from, environment, image, files. */
import { useMemo, type JSX } from "react";
import type { CwlObject, Execution } from "../../api/chronos";
import { Card, Copied, Empty, Skeleton } from "../../ui/basics";
import { Value } from "../../ui/Value";
import { origins, short } from "./command";
import type { Place } from "./place";

export function What({ place, execution, context, loading }: {
  readonly place: Place; readonly execution: Execution | undefined; readonly context: CwlObject | undefined; readonly loading: boolean;
}): JSX.Element {
  const result = execution?.result;
  const command = result?.command ?? asList(context?.["command"]);
  const environment = (context?.["environment"] ?? {}) as Record<string, unknown>;
  if (loading) return <Card title="What ran"><Skeleton rows={6} /></Card>;
  if (!result && !command) {
    return <Card title="What ran"><Empty title="Nothing has ended yet">The command, inputs and outputs are kept when the execution ends.</Empty></Card>;
  }
  return (
    <Card title="What ran" aside={command ? <Copied text={command.map(quoted).join(" ")}>copy command</Copied> : undefined}>
      <div className="stack">
        {command ? <Command command={command} inputs={result?.inputs ?? {}} work={result?.work ?? null} /> : <p className="muted small">No process: an expression, or a step that was skipped.</p>}
        {Object.keys(environment).length > 0 && (
          <details><summary>Environment ({Object.keys(environment).length})</summary>
            <dl className="defs small mono">{Object.entries(environment).map(([name, value]) => [<dt key={`${name}k`}>{name}</dt>, <dd key={`${name}v`}>{String(value)}</dd>])}</dl>
          </details>
        )}
        {result && <Side title="Outputs" values={result.outputs} place={place} open />}
        {result && <Side title="Inputs" values={result.inputs} place={place} />}
      </div>
    </Card>
  );
}

function Side({ title, values, place, open = false }: { readonly title: string; readonly values: CwlObject; readonly place: Place; readonly open?: boolean }): JSX.Element {
  const entries = Object.entries(values);
  return (
    <details open={open}>
      <summary>{title} ({entries.length})</summary>
      <dl className="defs small" style={{ marginTop: 6 }}>
        {entries.map(([name, value]) => [<dt key={`${name}k`} className="mono">{name}</dt>, <dd key={`${name}v`}><Value value={value} dagId={place.dagId} runId={place.runId} /></dd>])}
      </dl>
    </details>
  );
}

function Command({ command, inputs, work }: { readonly command: readonly string[]; readonly inputs: CwlObject; readonly work: string | null }): JSX.Element {
  const from = useMemo(() => origins(command, inputs), [command, inputs]);
  const names = [...new Set(from.filter((name): name is string => name !== null))];
  return (
    <div>
      <pre className="block command" tabIndex={0} aria-label="Command line">
        {command.map((argument, index) => {
          const name = from[index] ?? null;
          const hue = name === null ? -1 : names.indexOf(name) % 6;
          return <span key={index} data-hue={hue} title={name ? `input ${name}: ${argument}` : argument}>{short(argument, work)}{index < command.length - 1 ? " " : ""}</span>;
        })}
      </pre>
      {names.length > 0 && (
        <div className="small row wrap" style={{ marginTop: 5 }}>
          <span className="muted">from inputs:</span>
          {names.map((name, index) => <span key={name} className="mono hue" data-hue={index % 6}>{name}</span>)}
        </div>
      )}
    </div>
  );
}

function quoted(argument: string): string {
  return /^[\w@%+=:,./-]+$/.test(argument) ? argument : `'${argument.replaceAll("'", `'\\''`)}'`;
}

function asList(value: unknown): readonly string[] | null {
  return Array.isArray(value) && value.length > 0 ? value.map(String) : null;
}

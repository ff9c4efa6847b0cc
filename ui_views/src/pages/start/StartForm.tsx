/** A form made from a workflow's inputs; what will run where is said before it runs. */
import { useMutation, useQuery } from "@tanstack/react-query";
import { Suspense, lazy, useMemo, useState, type JSX, type SyntheticEvent } from "react";
import { useNavigate, useParams, useSearchParams } from "react-router-dom";
import { chronos, type Parameter, type Placement, type Workflow } from "../../api/chronos";
import { counted } from "../../format";
import { pageHref, runPath } from "../../host";
import { t } from "../../i18n";
import { Card, Empty, Problem, Skeleton, useTitle } from "../../ui/basics";
import { typeText } from "../../ui/types";
import { draw } from "../run/model";
import { controlOf, isOptional, read, toText, type Texts } from "./inputs";

const GraphPicture = lazy(() => import("../run/GraphPicture").then((m) => ({ default: m.GraphPicture })));

export default function StartForm(): JSX.Element {
  const { dagId = "" } = useParams();
  const [address] = useSearchParams();
  const from = address.get("from");
  useTitle(t("Start {workflow}", { workflow: dagId }));
  const workflow = useQuery({ queryKey: ["document", dagId], queryFn: () => chronos.workflow(dagId) });
  const before = useQuery({ queryKey: ["inputs", dagId, from], queryFn: () => chronos.inputs(dagId, from ?? ""), enabled: from !== null, retry: false });
  if (workflow.error) return <main className="page"><Problem error={workflow.error} what={t("the workflow")} retry={() => void workflow.refetch()} /></main>;
  if (!workflow.data || (from !== null && before.isPending)) return <main className="page"><Skeleton rows={10} /></main>;
  return (
    <main className="page">
      <div className="grid columns">
        <Form key={dagId} dagId={dagId} workflow={workflow.data} given={before.data ?? {}} from={before.data ? from : null} />
        <About workflow={workflow.data} />
      </div>
    </main>
  );
}

function Form({ dagId, workflow, given, from }: {
  readonly dagId: string; readonly workflow: Workflow; readonly given: Readonly<Record<string, unknown>>; readonly from: string | null;
}): JSX.Element {
  const navigate = useNavigate();
  const [texts, setTexts] = useState<Texts>(() => Object.fromEntries(workflow.inputs.map(({ name, type, default: byDefault }) => [name, toText(given[name] ?? byDefault, type)])));
  const [tried, setTried] = useState(false);
  const { inputs, wrong } = useMemo(() => read(workflow.inputs, texts), [workflow.inputs, texts]);
  const starting = useMutation({ mutationFn: () => chronos.start(dagId, inputs), onSuccess: ({ run_id: runId }) => void navigate(pageHref(runPath(dagId, runId))) });
  const submit = (event: SyntheticEvent): void => {
    event.preventDefault();
    setTried(true);
    if (Object.keys(wrong).length === 0) starting.mutate();
  };
  return (
    <form className="stack" onSubmit={submit} noValidate aria-label={t("Inputs")}>
      <h1>{workflow.label ?? dagId}</h1>
      {from !== null && <p className="small muted">{t("Filled in as in the run {run}", { run: from })}</p>}
      {workflow.inputs.length === 0 && <Empty title={t("It takes no inputs")} />}
      {workflow.inputs.map((parameter) => (
        <Field key={parameter.name} parameter={parameter} text={texts[parameter.name] ?? ""} wrong={tried ? wrong[parameter.name] : undefined}
          onChange={(text) => setTexts((now) => ({ ...now, [parameter.name]: text }))} />
      ))}
      <Where dagId={dagId} />
      {starting.error && <Problem error={starting.error} what={t("the new run")} />}
      <div className="row"><button className="button primary" disabled={starting.isPending}>{starting.isPending ? t("Starting…") : t("Start the run")}</button></div>
    </form>
  );
}

function Field({ parameter, text, wrong, onChange }: {
  readonly parameter: Parameter; readonly text: string; readonly wrong: string | undefined; readonly onChange: (text: string) => void;
}): JSX.Element {
  const { name, label, doc, type } = parameter;
  const control = controlOf(type);
  const id = `input-${name}`;
  const common = { id, className: "field", value: text, "aria-invalid": wrong !== undefined, "aria-describedby": `${id}-help`, onChange: (event: { target: { value: string } }) => onChange(event.target.value) };
  return (
    <div className="stack formfield" style={{ gap: 3 }}>
      <label htmlFor={id}><strong>{label ?? name}</strong> <span className="mono small muted">{name} : {typeText(type)}</span></label>
      {control.kind === "json" ? <textarea {...common} rows={Math.min(8, Math.max(2, text.split("\n").length))} spellCheck={false} />
        : control.kind === "choice" || control.kind === "boolean" ? (
          <select {...common}>
            {(isOptional(type) || text === "") && <option value="">{t("not given")}</option>}
            {(control.kind === "choice" ? control.choices : ["true", "false"]).map((each) => <option key={each} value={each}>{each}</option>)}
          </select>
        ) : <input {...common} type="text" inputMode={control.kind === "integer" || control.kind === "number" ? "decimal" : "text"} spellCheck={false}
          placeholder={control.kind === "file" || control.kind === "directory" ? t("path on the workers, or a URI") : ""} />}
      <span id={`${id}-help`} className="small muted" style={{ whiteSpace: "pre-line" }}>
        {wrong !== undefined && <span className="failed-words" role="alert">{t("Asked is {what}", { what: wrong })}. </span>}{doc}
      </span>
    </div>
  );
}

/** "will run on: slurm (17 steps), local (3)" */
function Where({ dagId }: { readonly dagId: string }): JSX.Element | null {
  const placement = useQuery({ queryKey: ["placement", dagId], queryFn: () => chronos.placement(dagId), retry: false });
  if (!placement.data) return null;
  const targets = new Map<string, Placement[]>();
  for (const step of placement.data.steps) targets.set(step.target ?? t("decided at run time"), [...(targets.get(step.target ?? t("decided at run time")) ?? []), step]);
  if (targets.size === 0) return null;
  return (
    <details className="small">
      <summary>{t("Will run on: {targets}", { targets: [...targets].map(([target, steps]) => `${target} (${counted(steps.length, "step", "steps")})`).join(", ") })}</summary>
      <dl className="defs">{placement.data.steps.map((each) => [<dt key={`${each.step}k`} className="mono">{each.step}</dt>, <dd key={`${each.step}v`}>{each.target ?? "–"}: {each.why}</dd>])}</dl>
    </details>
  );
}

function About({ workflow }: { readonly workflow: Workflow }): JSX.Element {
  const drawing = useMemo(() => draw(workflow, new Map(), new Set()), [workflow]);
  return (
    <div className="stack">
      <Card title={t("What it does")} aside={<span className="mono">{workflow.file}</span>}>
        <p style={{ whiteSpace: "pre-line" }} className="muted">{workflow.doc ?? t("The document says nothing of itself.")}</p>
      </Card>
      <div className="framed"><Suspense fallback={<div className="skeleton" style={{ height: "100%" }} />}><GraphPicture drawing={drawing} /></Suspense></div>
    </div>
  );
}

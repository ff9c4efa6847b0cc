/** What a product was made from and what was made from it: followed on demand, never the whole graph. */
import { useQuery } from "@tanstack/react-query";
import { useCallback, useMemo, useRef, type JSX } from "react";
import { useSearchParams } from "react-router-dom";
import { chronos } from "../../api/chronos";
import { count, counted } from "../../format";
import { t } from "../../i18n";
import { Card, Empty, Problem, Skeleton, To, useTitle } from "../../ui/basics";
import type { Placed } from "../../ui/graph/layout";
import { Detail } from "./Detail";
import { asPng, asSvg, save } from "./exporting";
import { byType } from "./model";
import { Picture } from "./Picture";
import { Twin } from "./Twin";
import { DEPTHS, DIRECTIONS, readQuestion, useLineage, type Direction, type Found, type Question } from "./useLineage";

export default function Lineage(): JSX.Element {
  useTitle(t("Lineage"));
  const [address] = useSearchParams();
  const at = address.get("at");
  if (address.has("dataset") || address.has("run")) return <Shown />;
  return at ? <At location={at} /> : <Begin />;
}

/** Where nothing is chosen: the youngest products, and how to find others. */
function Begin(): JSX.Element {
  const last = useQuery({
    queryKey: ["youngest"], queryFn: () => chronos.datasets({ since: new Date(Date.now() - 30 * 86_400_000).toISOString(), limit: 30 }),
  });
  return (
    <main className="page stack">
      <h1>{t("Lineage")}</h1>
      <p className="muted">{t("Look for a product above, or begin with one of the youngest:")}</p>
      {last.error ? <Problem error={last.error} what={t("the products")} retry={() => void last.refetch()} />
        : !last.data ? <Skeleton rows={8} />
          : last.data.datasets.length === 0 ? <Empty title={t("No product is recorded yet")}>{t("Runs of workflows record what they read and publish.")}</Empty>
            : <Card title={t("Youngest products")}><ul>{last.data.datasets.map((each) => (
              <li key={each.id} className="row"><To className="clip grow" path={`/lineage?dataset=${each.id}`}>{each.name}</To><span className="small muted">{each.type}</span></li>
            ))}</ul></Card>}
    </main>
  );
}

/** A place has versions: the youngest is shown at once where there is only one. */
function At({ location }: { readonly location: string }): JSX.Element {
  const found = useQuery({ queryKey: ["at", location], queryFn: () => chronos.datasetsAt(location) });
  if (found.error) return <main className="page"><Problem error={found.error} what={t("what lies there")} /></main>;
  if (!found.data) return <main className="page"><Skeleton rows={6} /></main>;
  const { datasets } = found.data;
  return (
    <main className="page stack">
      <h1 style={{ overflowWrap: "anywhere" }}>{location}</h1>
      {datasets.length === 0 ? <Empty title={t("The history knows nothing at this place")}>{t("It is recorded when the run that made it has ended.")}</Empty>
        : <ul>{datasets.map((each, index) => <li key={each.id}><To path={`/lineage?dataset=${each.id}`}>{each.name}</To> <span className="muted small">{index === 0 ? t("the youngest version") : each.checksum}</span></li>)}</ul>}
    </main>
  );
}

function Shown(): JSX.Element {
  const [address, setAddress] = useSearchParams();
  const text = address.toString();
  const question = useMemo(() => readQuestion(new URLSearchParams(text)), [text]);
  const { found, error, retry, asking } = useLineage(question);
  const selected = address.get("select");
  const placed = useRef<ReadonlyMap<string, Placed>>(new Map());
  const set = useCallback((name: string, values: readonly string[]): void => setAddress((before) => {
    before.delete(name);
    for (const value of values) before.append(name, value);
    return before;
  }, { replace: true }), [setAddress]);
  const onSelect = useCallback((id: string | null) => set("select", id ? [id] : []), [set]);
  const onUnfold = useCallback((id: string) => set("unfold", [...question.unfolded, id]), [set, question.unfolded]);
  const onMore = useCallback((id: number) => set("more", [[...question.more, id].join(",")]), [set, question.more]);
  const onPlaced = useCallback((now: ReadonlyMap<string, Placed>) => {
    placed.current = now;
  }, []);
  if (error && !found) return <main className="page"><Problem error={error} what={t("the lineage")} retry={retry} /></main>;
  return (
    <main className="page fill">
      <Head question={question} found={found} asking={asking} set={set} placed={placed} />
      {!found ? <div className="pane"><Skeleton rows={8} /></div> : (
        <>
          <div className="pane flush" style={{ flex: 3 }}>
            <div className="grow"><Picture picture={found.picture} selected={selected} onSelect={onSelect} onUnfold={onUnfold} onMore={onMore} onPlaced={onPlaced} /></div>
            {selected && <Detail found={found} selected={selected} onClose={() => onSelect(null)} onUnfold={onUnfold} />}
          </div>
          <Twin found={found} selected={selected} onSelect={onSelect} />
        </>
      )}
    </main>
  );
}

function Head({ question, found, asking, set, placed }: {
  readonly question: Question; readonly found: Found | null; readonly asking: boolean;
  readonly set: (name: string, values: readonly string[]) => void; readonly placed: React.RefObject<ReadonlyMap<string, Placed>>;
}): JSX.Element {
  const beginning = found?.members.filter((member) => found.starts.has(member.id)) ?? [];
  return (
    <div className="head">
      <div className="row wrap" style={{ gap: 12 }}>
        <h1 className="clip" title={beginning.map((each) => each.label).join(", ")}>{beginning.map((each) => each.label).join(", ") || t("Lineage")}</h1>
        <span className="right row wrap">
          <select className="field" aria-label={t("Direction")} value={question.direction} onChange={(event) => set("direction", [event.target.value])}>
            {DIRECTIONS.map((each) => <option key={each} value={each}>{directionName(each)}</option>)}
          </select>
          <span className="row" role="group" aria-label={t("Runs to follow")} style={{ gap: 2 }}>
            {DEPTHS.map((each) => <button key={each} type="button" className="button quiet" aria-pressed={each === question.depth} onClick={() => set("depth", [String(each)])}>{each}</button>)}
          </span>
          {question.unfolded.length + question.more.length > 0 && <button type="button" className="button quiet" onClick={() => { set("unfold", []); set("more", []); }}>{t("fold again")}</button>}
          {found && (
            <span className="row" role="group" aria-label={t("Export")} style={{ gap: 4 }}>
              <button type="button" className="button" onClick={() => save("lineage.svg", "image/svg+xml", asSvg(found.picture, placed.current))}>SVG</button>
              <button type="button" className="button" onClick={() => void asPng(found.picture, placed.current).then((image) => save("lineage.png", "image/png", image))}>PNG</button>
              <button type="button" className="button" onClick={() => save("lineage.json", "application/json", JSON.stringify(found.lineage, null, 1))}>JSON</button>
            </span>
          )}
        </span>
      </div>
      <p className="small" role="status" aria-busy={asking}>{found ? <Summary found={found} /> : t("Following…")}</p>
    </div>
  );
}

/** What lies before and after, in numbers, and what is folded or left out. */
function Summary({ found: { members, lineage, picture } }: { readonly found: Found }): JSX.Element {
  const failed = members.filter((member) => member.state === "FAIL").length;
  return (
    <>
      {t("made from: {words}", { words: words(byType(members, -1)) })} · {t("made from it: {words}", { words: words(byType(members, 1)) })}
      {" · "}{counted(lineage.runs.length, "run", "runs")}{failed > 0 && <span className="failed-words">, {t("{n} failed", { n: count(failed) })}</span>}
      {picture.folded > 0 && <span className="muted"> · {t("{n} folded into groups", { n: count(picture.folded) })}</span>}
      {lineage.cut && <strong> · {t("only the first {shown} of {all} or more", { shown: count(lineage.shown), all: count(lineage.at_least) })}</strong>}
      {lineage.open.length > 0 && <span className="muted"> · {t("{n} can be followed further (⊕)", { n: count(lineage.open.length) })}</span>}
    </>
  );
}

function words(types: readonly (readonly [string, number])[]): string {
  const shown = types.slice(0, 4).map(([type, n]) => `${count(n)} ${type || t("files")}`);
  const rest = types.slice(4).reduce((sum, [, n]) => sum + n, 0);
  return [...shown, ...(rest > 0 ? [t("{n} others", { n: count(rest) })] : [])].join(", ") || t("nothing");
}

function directionName(direction: Direction): string {
  return { both: t("both ways"), upstream: t("what it is made from"), downstream: t("what is made from it") }[direction];
}



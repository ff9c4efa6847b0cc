/** What the runs have in common, counted; one click narrows the list, another widens it again. */
import { useState, type JSX } from "react";
import { count } from "../../format";
import { t } from "../../i18n";
import { State, fromHistory } from "../../ui/state";
import { useCounts, type Setting } from "./counts";
import { FACETS, type Facet } from "./query";

const SHOWN = 7;

export function Facets({ asked, set }: Setting): JSX.Element {
  const counts = useCounts(asked);
  return (
    <aside className="facets" aria-label={t("Narrow the list")}>
      {FACETS.map((facet) => (
        <FacetList key={facet} facet={facet} chosen={asked.chosen[facet]} counts={counts.data?.[facet] ?? {}}
          onChoose={(value) => set({ [facet]: value })} />
      ))}
    </aside>
  );
}

function FacetList({ facet, chosen, counts, onChoose }: {
  readonly facet: Facet; readonly chosen: string | undefined; readonly counts: Readonly<Record<string, number>>;
  readonly onChoose: (value: string | null) => void;
}): JSX.Element | null {
  const [all, setAll] = useState(false);
  const [words, setWords] = useState("");
  const values = entries(facet, chosen, counts);
  if (values.length === 0) return null;
  const found = values.filter(([value]) => value.toLowerCase().includes(words.toLowerCase()));
  const shown = all || words ? found.slice(0, 200) : found.slice(0, SHOWN);
  return (
    <fieldset className="facet">
      <legend>{facetName(facet)}</legend>
      {values.length > SHOWN && (
        <input className="field small" type="search" value={words} onChange={(event) => setWords(event.target.value)}
          placeholder={t("Find")} aria-label={t("Find in {facet}", { facet: facetName(facet) })} />
      )}
      <ul>
        {shown.map(([value, n]) => (
          <li key={value}>
            <button type="button" aria-pressed={value === chosen} onClick={() => onChoose(value === chosen ? null : value)} title={value}>
              <span className="clip grow">{facet === "state" ? <State state={fromHistory(value)} /> : value}</span>
              <span className="num muted">{value === chosen ? "✕" : n === null ? "" : count(n)}</span>
            </button>
          </li>
        ))}
      </ul>
      {!words && found.length > SHOWN && (
        <button type="button" className="button quiet small" onClick={() => setAll(!all)}>
          {all ? t("fewer") : t("all {n}", { n: count(found.length) })}
        </button>
      )}
    </fieldset>
  );
}

/** The chosen one first; states that are not counted, since they have not ended, can be chosen, too. */
function entries(facet: Facet, chosen: string | undefined, counts: Readonly<Record<string, number>>): [string, number | null][] {
  const known: [string, number | null][] = Object.entries(counts).filter(([value]) => value !== "");
  if (facet === "state" && !chosen) known.unshift(["RUNNING", null]);
  if (!chosen) return known;
  return [[chosen, counts[chosen] ?? null], ...known.filter(([value]) => value !== chosen)];
}

function facetName(facet: Facet): string {
  return {
    state: t("State"), workflow: t("Workflow"), step: t("Step"), target: t("Target"), node: t("Node"), error: t("Cause of failure"),
    image: t("Image"), version: t("Version"),
  }[facet];
}

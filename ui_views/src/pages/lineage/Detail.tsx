/** What is known of the chosen node, and where to go from it. */
import type { JSX } from "react";
import { t } from "../../i18n";
import { Bytes, Copied, Duration, Time, To } from "../../ui/basics";
import { State, fromHistory } from "../../ui/state";
import { nameOf, recordPath } from "../runs/columns";
import type { Member } from "./model";
import type { Found } from "./useLineage";

const LISTED = 100;

export function Detail({ found, selected, onClose, onUnfold }: {
  readonly found: Found; readonly selected: string; readonly onClose: () => void; readonly onUnfold: (id: string) => void;
}): JSX.Element | null {
  const node = found.picture.nodes.find((each) => each.id === selected);
  if (!node) return null;
  const only = node.members.length === 1 ? node.members[0] : undefined;
  return (
    <aside className="panel" aria-label={node.label}>
      <div className="row">
        <h2 className="grow" style={{ overflowWrap: "anywhere" }}>{only ? only.label : `${node.members.length} × ${node.label}`}</h2>
        <button type="button" className="button quiet" onClick={onClose} aria-label={t("Close")}>✕</button>
      </div>
      {only?.dataset && <DatasetFacts member={only} />}
      {only?.run && <RunFacts member={only} />}
      {!only && (
        <>
          <button type="button" className="button" onClick={() => onUnfold(node.id)}>{t("Unfold")}</button>
          <ul className="small">{node.members.slice(0, LISTED).map((each) => <li key={each.id} className="clip"><To path={each.dataset ? `/lineage?dataset=${each.dataset.id}` : recordPath(each.run?.id ?? "")}>{each.label}</To></li>)}</ul>
        </>
      )}
    </aside>
  );
}

function DatasetFacts({ member: { dataset } }: { readonly member: Member }): JSX.Element | null {
  if (!dataset) return null;
  return (
    <>
      <dl className="defs small">
        <dt>{t("Type")}</dt><dd>{dataset.type || "–"}</dd>
        <dt>{t("Size")}</dt><dd><Bytes value={dataset.size} /></dd>
        <dt>{t("path")}</dt><dd className="mono">{dataset.path} <Copied text={dataset.path} /></dd>
        {dataset.checksum && <><dt>{t("checksum")}</dt><dd className="mono">{dataset.checksum}</dd></>}
        {Object.entries(dataset.attributes).map(([name, value]) => [<dt key={`${name}k`}>{name}</dt>, <dd key={`${name}v`}>{value}</dd>])}
      </dl>
      <To className="button primary" path={`/lineage?dataset=${dataset.id}`}>{t("Begin here")}</To>
    </>
  );
}

function RunFacts({ member: { run } }: { readonly member: Member }): JSX.Element | null {
  if (!run) return null;
  return (
    <>
      <State state={fromHistory(run.state)} />
      {run.error && <p className="small failed-words">{run.error}</p>}
      <dl className="defs small">
        <dt>{t("workflow")}</dt><dd>{run.job.workflow || "–"}</dd>
        <dt>{t("version")}</dt><dd className="mono">{run.job.version || "–"}</dd>
        <dt>{t("started")}</dt><dd><Time at={run.started} /></dd>
        <dt>{t("took")}</dt><dd><Duration seconds={run.duration_seconds} /></dd>
        <dt>{t("target")}</dt><dd>{run.target || "–"}</dd>
        <dt>{t("node")}</dt><dd className="mono">{run.node || "–"}</dd>
      </dl>
      <div className="row wrap">
        <To className="button primary" path={recordPath(run.id)}>{t("Open {name}", { name: nameOf(run) })}</To>
        <To className="button" path={`/lineage?run=${run.id}`}>{t("Begin here")}</To>
      </div>
    </>
  );
}

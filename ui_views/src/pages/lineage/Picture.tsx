/** The drawing of a lineage: rectangles are products, rounded boxes processings, a stack stands for many alike. */
import { Controls, Handle, MarkerType, Position, ReactFlow, ReactFlowProvider, useReactFlow, type Node, type NodeProps } from "@xyflow/react";
import { useEffect, useMemo, useRef, useState, type JSX } from "react";
import { count } from "../../format";
import { t } from "../../i18n";
import { layout, type Placed } from "../../ui/graph/layout";
import { StateMark, fromHistory, look, tally } from "../../ui/state";
import { append, type LineageNode, type LineagePicture } from "./model";

const WIDTH = 230;
const HEIGHT = 50;

interface Shown extends Record<string, unknown> {
  readonly node: LineageNode;
  readonly lit: boolean;
  readonly onUnfold: (id: string) => void;
  readonly onMore: (dataset: number) => void;
}
type Drawn = Node<Shown, "product" | "processing">;

export interface PictureProps {
  readonly picture: LineagePicture;
  readonly selected: string | null;
  readonly onSelect: (id: string | null) => void;
  readonly onUnfold: (id: string) => void;
  readonly onMore: (dataset: number) => void;
  /** Told where everything stands, for exports. */
  readonly onPlaced: (placed: ReadonlyMap<string, Placed>) => void;
}

export function Picture(props: PictureProps): JSX.Element {
  return <ReactFlowProvider><Flow {...props} /></ReactFlowProvider>;
}

function Flow({ picture, selected, onSelect, onUnfold, onMore, onPlaced }: PictureProps): JSX.Element {
  const { placed, error } = usePlaces(picture, onPlaced);
  const path = useMemo(() => connected(picture, selected), [picture, selected]);
  const nodes = useMemo(() => picture.nodes.flatMap((node): Drawn[] => {
    const place = placed?.get(node.id);
    if (!place) return [];
    return [{
      id: node.id, type: node.kind === "run" ? "processing" : "product", position: { x: place.x, y: place.y }, width: WIDTH, height: HEIGHT,
      selected: node.id === selected, data: { node, lit: path === null || path.has(node.id), onUnfold, onMore }, ariaLabel: node.label,
    }];
  }), [picture, placed, path, selected, onUnfold, onMore]);
  const edges = useMemo(() => (placed ? picture.edges.map(({ id, from, to }) => ({
    id, source: from, target: to, className: path === null || (path.has(from) && path.has(to)) ? "" : "dim",
    markerEnd: { type: MarkerType.ArrowClosed, width: 14, height: 14 },
  })) : []), [picture, placed, path]);
  return (
    <div className="graph lineage" aria-label={t("Lineage")} role="group">
      {error && <div className="banner bad" role="alert">{t("The picture cannot be laid out: {error}", { error })}</div>}
      <ReactFlow<Drawn> nodes={nodes} edges={edges} nodeTypes={TYPES} fitView fitViewOptions={FIT} minZoom={0.03} maxZoom={2}
        nodesDraggable={false} nodesConnectable={false} edgesFocusable={false} proOptions={{ hideAttribution: true }} onlyRenderVisibleElements
        onNodeClick={(_, node) => onSelect(node.id === selected ? null : node.id)} onPaneClick={() => onSelect(null)} deleteKeyCode={null}>
        <Controls showInteractive={false} />
        <Refit signature={placed ? [...placed.keys()].join() : ""} start={picture.nodes.find((node) => node.start)?.id} />
      </ReactFlow>
    </div>
  );
}

const FIT = { padding: 0.08, maxZoom: 1.1 };

/** Below this nobody reads a label. */
const LEGIBLE = 0.55;

/** Show the whole where it can be read, else where it begins. */
function Refit({ signature, start }: { readonly signature: string; readonly start: string | undefined }): null {
  const { fitView, getZoom, getNode, setCenter } = useReactFlow();
  useEffect(() => {
    const frame = requestAnimationFrame(() => {
      void fitView(FIT).then(() => {
        const node = start === undefined ? undefined : getNode(start);
        if (getZoom() < LEGIBLE && node) void setCenter(node.position.x + WIDTH / 2, node.position.y + HEIGHT / 2, { zoom: 0.8 });
      });
    });
    return () => cancelAnimationFrame(frame);
  }, [signature, start, fitView, getZoom, getNode, setCenter]);
  return null;
}

function usePlaces(picture: LineagePicture, onPlaced: PictureProps["onPlaced"]): { placed: ReadonlyMap<string, Placed> | null; error: string | null } {
  const [found, setFound] = useState<{ placed: ReadonlyMap<string, Placed> | null; error: string | null }>({ placed: null, error: null });
  const signature = `${picture.nodes.map((node) => node.id).join()}|${picture.edges.length}`;
  const latest = useRef({ picture, onPlaced });
  useEffect(() => {
    latest.current = { picture, onPlaced };
  });
  useEffect(() => {
    let current = true;
    const { nodes, edges } = latest.current.picture;
    layout(nodes.map((node) => ({ id: node.id, width: WIDTH, height: HEIGHT, parent: null })), edges).then(
      (placed) => {
        if (!current) return;
        latest.current.onPlaced(placed);
        setFound({ placed, error: null });
      },
      (error: unknown) => current && setFound({ placed: null, error: String(error) }),
    );
    return () => {
      current = false;
    };
  }, [signature]);
  return found;
}

/** All that the chosen node comes from and leads to; null: nothing is chosen. */
export function connected(picture: LineagePicture, selected: string | null): ReadonlySet<string> | null {
  if (selected === null || !picture.nodes.some((node) => node.id === selected)) return null;
  const found = new Set([selected]);
  for (const [from, to] of [["from", "to"], ["to", "from"]] as const) {
    const next = new Map<string, string[]>();
    for (const edge of picture.edges) append(next, edge[from], edge[to]);
    const seen = new Set([selected]);
    const front = [selected];
    for (let id = front.pop(); id !== undefined; id = front.pop()) {
      for (const other of next.get(id) ?? []) {
        if (seen.has(other)) continue;
        seen.add(other);
        found.add(other);
        front.push(other);
      }
    }
  }
  return found;
}

function Box({ data: { node, lit, onUnfold, onMore }, selected }: NodeProps<Drawn>): JSX.Element {
  const many = node.members.length > 1;
  const only = many ? undefined : node.members[0];
  const states = tally(node.members.map((member) => (member.state ? fromHistory(member.state) : null)));
  const state = node.kind === "run" ? (states["failed"] ? "failed" : Object.keys(states)[0] ?? null) : null;
  return (
    <div className={`box ${node.kind === "run" ? "processing" : "product"} ${many ? "many" : ""}`} data-tone={state ? look(state).tone : "none"} data-selected={selected}
      data-start={node.start} data-lit={lit} title={node.label}>
      <Handle type="target" position={Position.Left} isConnectable={false} />
      <div className="row" style={{ gap: 6 }}>
        {state && <StateMark state={state} />}
        <span className="clip grow title">{many ? `${count(node.members.length)} × ${node.label}` : node.label}</span>
        {many && <button type="button" className="fold nodrag" aria-label={t("Unfold {name}", { name: node.label })} title={t("Unfold")}
          onClick={(event) => { event.stopPropagation(); onUnfold(node.id); }}>⊞</button>}
        {only?.open && only.dataset && <button type="button" className="fold nodrag" aria-label={t("Follow {name} further", { name: node.label })} title={t("Follow it further")}
          onClick={(event) => { event.stopPropagation(); if (only.dataset) onMore(only.dataset.id); }}>⊕</button>}
      </div>
      <div className="sub clip">{many && states["failed"] ? t("{n} failed", { n: count(states["failed"]) }) : only?.run ? [only.run.target, only.run.node].filter(Boolean).join(" · ") : node.type || t("file")}</div>
      <Handle type="source" position={Position.Right} isConnectable={false} />
    </div>
  );
}

const TYPES = { product: Box, processing: Box };

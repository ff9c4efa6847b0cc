/** A drawing of a workflow: boxes left to right, laid out by ELK, drawn by React Flow. */
import { Controls, Handle, MarkerType, Position, ReactFlow, ReactFlowProvider, useReactFlow, type Edge, type Node, type NodeProps } from "@xyflow/react";
import { useEffect, useRef, useState, type JSX } from "react";
import { count } from "../../format";
import { layout, type Placed } from "../../ui/graph/layout";
import { State, StateBar, StateMark, look } from "../../ui/state";
import type { Box, Drawing } from "./model";

const WIDTH = 208;
type BoxNode = Node<{ readonly box: Box; readonly onFold: (id: string) => void }, "box" | "group">;

export interface PictureProps {
  readonly drawing: Drawing;
  readonly selected?: string | null;
  readonly onSelect?: (id: string | null) => void;
  readonly onFold?: (id: string) => void;
}

const nothing = (): void => undefined;

export function GraphPicture(props: PictureProps): JSX.Element {
  return <ReactFlowProvider><Drawn {...props} /></ReactFlowProvider>;
}

function Drawn({ drawing, selected = null, onSelect = nothing, onFold = nothing }: PictureProps): JSX.Element {
  const { placed, error } = usePlaces(drawing);
  const nodes = placed ? drawing.boxes.flatMap((box) => toNode(box, placed.get(box.id), onFold, selected)) : [];
  const edges = placed ? drawing.edges.map(toEdge) : [];
  return (
    <div className="graph" aria-label="Graph of the workflow" role="group">
      {error && <div className="banner bad" role="alert">The graph cannot be laid out: {error}</div>}
      <ReactFlow<BoxNode> nodes={nodes} edges={edges} nodeTypes={TYPES} fitView fitViewOptions={FIT} minZoom={0.05} maxZoom={2}
        nodesDraggable={false} nodesConnectable={false} edgesFocusable={false} proOptions={{ hideAttribution: true }}
        onNodeClick={(_, node) => onSelect(node.id === selected ? null : node.id)} onPaneClick={() => onSelect(null)}
        onNodeDoubleClick={(_, node) => node.data.box.kind === "subworkflow" && onFold(node.id)} deleteKeyCode={null}>
        <Controls showInteractive={false} />
        <Refit signature={placed ? [...placed.keys()].join() : ""} />
      </ReactFlow>
    </div>
  );
}

const FIT = { padding: 0.08, maxZoom: 1.1 };

/** Fit the picture again when other boxes are drawn, and never when only states change. */
function Refit({ signature }: { readonly signature: string }): null {
  const { fitView } = useReactFlow();
  useEffect(() => {
    const frame = requestAnimationFrame(() => void fitView({ ...FIT, duration: 200 }));
    return () => cancelAnimationFrame(frame);
  }, [signature, fitView]);
  return null;
}

/** Places of the boxes; laid out anew only when other boxes or edges are there. */
function usePlaces(drawing: Drawing): { placed: Map<string, Placed> | null; error: string | null } {
  const [found, setFound] = useState<{ placed: Map<string, Placed> | null; error: string | null }>({ placed: null, error: null });
  const signature = `${drawing.boxes.map((box) => `${box.id}:${box.folded}`).join()}|${drawing.edges.map((edge) => edge.id).join()}`;
  const latest = useRef(drawing);
  useEffect(() => {
    latest.current = drawing;
  });
  useEffect(() => {
    let current = true;
    const sizes = latest.current.boxes.map((box) => ({ id: box.id, parent: box.parent, ...size(box) }));
    layout(sizes, latest.current.edges).then(
      (placed) => current && setFound({ placed, error: null }),
      (error: unknown) => current && setFound({ placed: null, error: String(error) }),
    );
    return () => {
      current = false;
    };
  }, [signature]);
  return found;
}

function size(box: Box): { width: number; height: number } {
  if (box.kind === "end") return { width: 96, height: 34 };
  return { width: WIDTH, height: box.scattered || box.kind === "subworkflow" ? 76 : 56 };
}

function toNode(box: Box, place: Placed | undefined, onFold: (id: string) => void, selected: string | null): BoxNode[] {
  if (!place) return [];
  const open = box.kind === "subworkflow" && !box.folded;
  return [{
    id: box.id, type: open ? "group" : "box", position: { x: place.x, y: place.y }, width: place.width, height: place.height,
    data: { box, onFold }, selected: box.id === selected, ariaLabel: `${box.label}, ${look(box.state).word}`,
    ...(box.parent === null ? {} : { parentId: box.parent }),
  }];
}

function toEdge({ id, from, to }: { readonly id: string; readonly from: string; readonly to: string }): Edge {
  return { id, source: from, target: to, markerEnd: { type: MarkerType.ArrowClosed, width: 14, height: 14 }, zIndex: 1 };
}

function BoxView({ data: { box, onFold }, selected }: NodeProps<BoxNode>): JSX.Element {
  const total = Object.values(box.counts).reduce((sum, n) => sum + n, 0);
  const done = (box.counts["success"] ?? 0) + (box.counts["skipped"] ?? 0);
  return (
    <div className={`box ${box.kind}`} data-tone={look(box.state).tone} data-selected={selected} title={box.doc ?? box.label}>
      <Handle type="target" position={Position.Left} isConnectable={false} />
      <div className="row" style={{ gap: 7 }}>
        <StateMark state={box.state} size={13} />
        <span className="clip grow title">{box.label}</span>
        {box.kind === "subworkflow" && (
          <button type="button" className="fold nodrag" aria-label={`Unfold ${box.label}`} title="Unfold"
            onClick={(event) => { event.stopPropagation(); onFold(box.id); }}>⊞</button>
        )}
      </div>
      {box.kind !== "end" && <div className="sub clip">{box.name}{box.runs && box.kind === "step" ? ` · ${box.runs}` : ""}</div>}
      {(box.scattered || box.kind === "subworkflow") && (
        <div className="row" style={{ gap: 7 }}>
          <StateBar counts={box.counts} />
          <span className="sub num">{count(done)}/{count(total)}{(box.counts["failed"] ?? 0) > 0 ? `, ${count(box.counts["failed"] ?? 0)} failed` : ""}</span>
        </div>
      )}
      <Handle type="source" position={Position.Right} isConnectable={false} />
    </div>
  );
}

function GroupView({ data: { box, onFold } }: NodeProps<BoxNode>): JSX.Element {
  return (
    <div className="box open" data-tone={look(box.state).tone}>
      <Handle type="target" position={Position.Left} isConnectable={false} />
      <div className="row" style={{ gap: 7 }}>
        <State state={box.state} /><span className="clip grow title">{box.label}</span>
        <button type="button" className="fold nodrag" aria-label={`Fold ${box.label}`} title="Fold"
          onClick={(event) => { event.stopPropagation(); onFold(box.id); }}>⊟</button>
      </div>
      <Handle type="source" position={Position.Right} isConnectable={false} />
    </div>
  );
}

const TYPES = { box: BoxView, group: GroupView };

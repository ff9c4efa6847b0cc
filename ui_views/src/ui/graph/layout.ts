/** Layered layout, left to right, by ELK in a worker: a large graph does not freeze the page. */
import type { ElkNode } from "elkjs/lib/elk-api";

export interface LayoutNode {
  readonly id: string;
  readonly width: number;
  readonly height: number;
  readonly parent: string | null;
}

export interface Placed {
  /** Relative to the parent. */
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

const HEADER = 34;
const OPTIONS = {
  "elk.algorithm": "layered",
  "elk.direction": "RIGHT",
  "elk.hierarchyHandling": "INCLUDE_CHILDREN",
  "elk.layered.spacing.nodeNodeBetweenLayers": "44",
  "elk.spacing.nodeNode": "18",
  "elk.layered.nodePlacement.strategy": "NETWORK_SIMPLEX",
  "elk.layered.considerModelOrder.strategy": "NODES_AND_EDGES",
};

let engine: Promise<{ layout: (graph: ElkNode) => Promise<ElkNode> }> | null = null;

function elk(): Promise<{ layout: (graph: ElkNode) => Promise<ElkNode> }> {
  engine ??= Promise.all([import("elkjs/lib/elk-api"), import("elkjs/lib/elk-worker.min.js?url")]).then(
    ([{ default: Elk }, { default: address }]) =>
      new Elk({ workerFactory: () => new Worker(new URL(address, import.meta.url)) }),
  );
  return engine;
}

/** Place nodes; those with children become as large as these ask for. */
export async function layout(
  nodes: readonly LayoutNode[],
  edges: readonly { readonly id: string; readonly from: string; readonly to: string }[],
): Promise<Map<string, Placed>> {
  const children = new Map<string | null, LayoutNode[]>();
  for (const node of nodes) children.set(node.parent, [...(children.get(node.parent) ?? []), node]);

  const tree = (node: LayoutNode): ElkNode => {
    const inner = children.get(node.id);
    if (!inner) return { id: node.id, width: node.width, height: node.height };
    const padding = `[top=${HEADER + 12},left=16,bottom=16,right=16]`;
    return { id: node.id, children: inner.map(tree), layoutOptions: { "elk.padding": padding } };
  };

  const result = await (await elk()).layout({
    id: "root",
    layoutOptions: OPTIONS,
    children: (children.get(null) ?? []).map(tree),
    edges: edges.map((edge) => ({ id: edge.id, sources: [edge.from], targets: [edge.to] })),
  });

  const placed = new Map<string, Placed>();
  const collect = (node: ElkNode): void => {
    for (const child of node.children ?? []) {
      placed.set(child.id, { x: child.x ?? 0, y: child.y ?? 0, width: child.width ?? 0, height: child.height ?? 0 });
      collect(child);
    }
  };
  collect(result);
  return placed;
}

/** Lays out a tree from left to right: depth across, leaves down. Pure. */
import { hierarchy, tree as layout, type HierarchyPointNode } from 'd3-hierarchy';

export interface TreeNode {
  id: string;
  label: string;
  /** 0..1: how thick the edge to it is. */
  weight: number;
  /** Beside the label. */
  note?: string;
  children?: TreeNode[];
}

export interface Laid {
  node: TreeNode;
  x: number;
  y: number;
  depth: number;
  parent: Laid | null;
}

/** Nodes in reading order: a parent before its children, upper children first. */
export function lay(root: TreeNode, across: number, down: number): { nodes: Laid[]; width: number; height: number } {
  const made = layout<TreeNode>()
    .nodeSize([down, across])
    .separation((a, b) => (a.parent === b.parent ? 1 : 1.25))(hierarchy(root));
  const all: HierarchyPointNode<TreeNode>[] = [];
  made.eachBefore((n) => all.push(n));
  const top = Math.min(...all.map((n) => n.x));
  const laid = new Map<HierarchyPointNode<TreeNode>, Laid>();
  for (const n of all) {
    const parent = n.parent ? (laid.get(n.parent) ?? null) : null;
    laid.set(n, { node: n.data, x: n.y, y: n.x - top, depth: n.depth, parent });
  }
  const nodes = [...laid.values()];
  return {
    nodes,
    width: Math.max(...nodes.map((n) => n.x)),
    height: Math.max(...nodes.map((n) => n.y)),
  };
}

/** The node that an arrow key moves to: the parent, the first child, or the neighbour of the same depth. */
export function neighbour(nodes: Laid[], from: Laid, key: string): Laid | null {
  if (key === 'ArrowLeft') return from.parent;
  if (key === 'ArrowRight') return nodes.find((n) => n.parent === from) ?? null;
  if (key === 'Home') return nodes[0];
  if (key !== 'ArrowUp' && key !== 'ArrowDown') return null;
  const level = nodes.filter((n) => n.depth === from.depth).sort((a, b) => a.y - b.y);
  return level[level.indexOf(from) + (key === 'ArrowUp' ? -1 : 1)] ?? null;
}

/** A circuit of scored edges: where its nodes stand, which edges are drawn, and what the numbers say. Pure. */
import type { Analysis } from '../paired';
import { count, percent, plural } from '../../../kit/text/format';
import { share } from '../words';

export type Graph = NonNullable<Analysis['graph']>;
export type Edge = Graph['edges'][number];

/** A node of the drawing; `at` counts layers upwards, the input below 0. */
export interface Node {
  name: string;
  layer: number;
  kind: 'input' | 'head' | 'mlp' | 'logits';
  /** 0 to 1, from the left and from below. */
  x: number;
  y: number;
}

const HEAD = /^([acs])(\d+)(?:\.h(\d+))?$/;
const MLP = /^m(\d+)$/;

/** A reader without its input: 'a3.h2<q>' is of 'a3.h2'. */
export const nodeName = (end: string): string => end.replace(/<[^>]*>$/, '');

/** A part of the model in words: 'layer 3, head 2 (values)'. */
export function partWords(end: string): string {
  const input = { q: 'queries', k: 'keys', v: 'values' }[/<([qkv])>$/.exec(end)?.[1] ?? ''];
  const name = nodeName(end);
  const head = HEAD.exec(name);
  const mlp = MLP.exec(name);
  const what = head
    ? `layer ${head[2]}, ${head[3] === undefined ? (head[1] === 'c' ? 'convolution' : 'recurrence') : `head ${head[3]}`}`
    : mlp
      ? `layer ${mlp[1]}, MLP`
      : name === 'input'
        ? 'the embedding'
        : name;
  return input ? `${what} (${input})` : what;
}

export const edgeWords = (e: Edge): string => `${partWords(e.from)} → ${partWords(e.to)}`;

/** Room of a layer's MLP at the right of its heads. */
const MLP_AT = 0.93;
const HEADS_TO = 0.8;

/** Every writer and the logits, each with its place. */
export function layout(graph: Graph): Map<string, Node> {
  const names = new Set([
    'input',
    'logits',
    ...graph.nodes.map((n) => n.name),
    ...graph.edges.flatMap((e) => [nodeName(e.from), nodeName(e.to)]),
  ]);
  const depth = 1 + Math.max(-1, ...[...names].map((n) => Number(HEAD.exec(n)?.[2] ?? MLP.exec(n)?.[1] ?? -1)));
  const widest = new Map<number, number>();
  for (const n of names) {
    const head = HEAD.exec(n);
    if (head) widest.set(Number(head[2]), Math.max(widest.get(Number(head[2])) ?? 0, Number(head[3] ?? 0) + 1));
  }
  const steps = 2 * depth + 1;
  const nodes = new Map<string, Node>();
  for (const name of names) {
    const [head, mlp] = [HEAD.exec(name), MLP.exec(name)];
    if (head) {
      const [layer, h] = [Number(head[2]), Number(head[3] ?? 0)];
      const x = ((h + 0.5) / (widest.get(layer) ?? 1)) * HEADS_TO;
      nodes.set(name, { name, layer, kind: 'head', x, y: (2 * layer + 1) / steps });
    } else if (mlp) {
      const layer = Number(mlp[1]);
      nodes.set(name, { name, layer, kind: 'mlp', x: MLP_AT, y: (2 * layer + 2) / steps });
    } else if (name === 'input') nodes.set(name, { name, layer: -1, kind: 'input', x: 0.5, y: 0 });
    else if (name === 'logits') nodes.set(name, { name, layer: depth, kind: 'logits', x: 0.5, y: 1 });
  }
  return nodes;
}

/** The share of the difference that a circuit must have to be called enough. */
const ENOUGH = 0.9;

/** The smallest circuit from which on all larger ones have nine tenths of the difference; null: none has. */
export function enough(graph: Graph): Graph['faithfulness'][number] | null {
  const sizes = [...graph.faithfulness].sort((a, b) => b.edges - a.edges);
  let found = null;
  for (const s of sizes) {
    if (s.faithfulness < ENOUGH) break;
    found = s;
  }
  return found;
}

/** Edges that are drawn at first: those of the finding, as far as they are listed. */
export function drawnAtFirst(graph: Graph): number {
  return Math.min(graph.edges.length, enough(graph)?.edges ?? graph.edges.length);
}

export function circuitTitle(graph: Graph): string {
  const best = enough(graph);
  if (!best) return `No circuit that was run reaches ${share(ENOUGH)} of the difference`;
  return `${count(best.edges)} of ${plural(graph.count, 'edge')} (${percent(best.edges / graph.count)}) give ${share(best.faithfulness)} of the difference`;
}

/** The run circuit of a size nearest to this one, from below. */
export function ranBelow(graph: Graph, edges: number): Graph['faithfulness'][number] | null {
  return [...graph.faithfulness].sort((a, b) => b.edges - a.edges).find((s) => s.edges <= edges) ?? null;
}

/** The measured effect of an edge beside its estimate, where it was measured. */
export function measuredOf(a: Analysis, e: Edge): number | null {
  return a.measured?.find((m) => m.place === `${e.from}->${e.to}`)?.measured ?? null;
}

/** The strongest edge, in words. */
export function circuitSays(a: Analysis): string[] {
  const { graph, correlation } = a;
  if (!graph) return [];
  const out: string[] = [];
  const heads = [...graph.nodes].filter((n) => HEAD.test(n.name)).sort((x, y) => Math.abs(y.score) - Math.abs(x.score));
  if (heads.length > 0) out.push(`of the heads, ${partWords(heads[0].name)} counts most`);
  if (a.measured?.length && correlation !== undefined) {
    out.push(
      `the ${plural(a.measured.length, 'best estimate')} and what was measured have a rank correlation of ${correlation.toFixed(2).replace('-', '−')}`,
    );
  }
  return out;
}

/** Nodes by what they count, the largest first. */
export function rankedNodes(graph: Graph): Graph['nodes'] {
  return [...graph.nodes].sort((a, b) => Math.abs(b.score) - Math.abs(a.score));
}

/** A point of an edge's curve, t from 0 at its writer to 1 at its reader; it leaves upwards and arrives from below. */
export function along(from: [number, number], to: [number, number], t: number): [number, number] {
  const bend = (to[1] - from[1]) / 2;
  const [u, v] = [1 - t, t];
  const at = (a: number, b: number, c: number, d: number) =>
    u * u * u * a + 3 * u * u * v * b + 3 * u * v * v * c + v * v * v * d;
  return [at(from[0], from[0], to[0], to[0]), at(from[1], from[1] + bend, to[1] - bend, to[1])];
}

/** How wide an edge is drawn, from 0 to 1: the square root keeps weak ones in sight. */
export const strength = (score: number, most: number): number => Math.sqrt(Math.abs(score) / (most || 1));

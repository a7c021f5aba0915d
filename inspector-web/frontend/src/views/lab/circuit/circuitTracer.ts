/** A circuit as the graph file that circuit-tracer's viewer reads (its frontend/graph_models.py). Pure. */
import type { Analysis } from '../paired';
import { layout, nodeName, partWords, type Graph } from './circuit';
import type { Pins } from './pins';

interface GraphNode {
  node_id: string;
  feature: number;
  layer: string;
  ctx_idx: number;
  feature_type: string;
  token_prob: number;
  is_target_logit: boolean;
  run_idx: number;
  reverse_ctx_idx: number;
  jsNodeId: string;
  clerp: string;
  influence: number | null;
  activation: number | null;
}

export interface GraphFile {
  metadata: {
    slug: string;
    scan: string;
    transcoder_list: string[];
    prompt_tokens: string[];
    prompt: string;
    node_threshold: number | null;
    schema_version: number;
  };
  qParams: { pinnedIds: string[]; supernodes: string[][]; linkType: string; clickedId: string; sg_pos: string };
  nodes: GraphNode[];
  links: { source: string; target: string; weight: number }[];
}

/** What a node is in the viewer: its own features alone are looked up elsewhere. */
const TYPES = { input: 'embedding of all positions', head: 'attention head', mlp: 'mlp', logits: 'logit' };

/**
 * The edges listed in an answer, or the strongest of them. Edges are sums over positions, so that every part stands at the position
 * of the answer; a head's queries, keys and values are one node, their edges from one writer one link.
 *
 * @param edges how many of the strongest
 */
export function graphFile(a: Analysis, graph: Graph, edges: number, pins: Pins): GraphFile {
  const taken = graph.edges.slice(0, edges);
  const places = layout(graph);
  const used = new Set(['input', 'logits', ...taken.flatMap((e) => [nodeName(e.from), nodeName(e.to)])]);
  const parts = [...places.values()].filter((n) => used.has(n.name));
  const pos = a.metric.pos;
  const scores = new Map(graph.nodes.map((n) => [n.name, n.score]));
  const influence = cumulative(
    parts.map((n) => n.name).filter((n) => n !== 'logits'),
    scores,
  );
  const ids = new Map(parts.map((n, i) => [n.name, `${levelOf(n)}_${i}_${pos}`]));
  const nodes = parts.map((n, i): GraphNode => {
    const id = ids.get(n.name)!;
    const name = pins.get(n.name) || (n.kind === 'logits' ? '' : partWords(n.name));
    return {
      node_id: id,
      feature: i,
      layer: levelOf(n),
      ctx_idx: pos,
      feature_type: TYPES[n.kind],
      token_prob: 0,
      is_target_logit: n.kind === 'logits',
      run_idx: 0,
      reverse_ctx_idx: 0,
      jsNodeId: id,
      // The viewer reads a logit's probability behind '(p='; the answer has none.
      clerp: n.kind === 'logits' ? `${name || output(a)} (p=not measured)` : name,
      influence: influence.get(n.name) ?? null,
      activation: scores.get(n.name) ?? null,
    };
  });
  const weights = new Map<string, { source: string; target: string; weight: number }>();
  for (const e of taken) {
    const [source, target] = [ids.get(nodeName(e.from))!, ids.get(nodeName(e.to))!];
    const link = weights.get(`${source} ${target}`) ?? { source, target, weight: 0 };
    link.weight += e.score;
    weights.set(`${source} ${target}`, link);
  }
  return {
    metadata: {
      slug: `${a.clean.model.toLowerCase().replace(/[^a-z0-9]+/g, '-')}-${a.id.toLowerCase()}`,
      scan: a.clean.model,
      transcoder_list: [],
      prompt_tokens: a.clean.tokens.map((t) => t.text),
      prompt: a.request.clean.prompt ?? a.clean.tokens.map((t) => t.text).join(''),
      node_threshold: null,
      schema_version: 1,
    },
    qParams: {
      pinnedIds: [...pins.keys()].flatMap((n) => ids.get(n) ?? []),
      supernodes: [],
      linkType: 'both',
      clickedId: '',
      sg_pos: '',
    },
    nodes,
    links: [...weights.values()],
  };
}

/** The viewer's layer: E below the first, the logits one above the last. */
const levelOf = (n: { kind: string; layer: number }): string =>
  n.kind === 'input' ? 'E' : String(n.kind === 'logits' ? n.layer + 1 : n.layer);

/** Share of all that counts that a part and the stronger ones have together: the viewer hides what comes last. */
function cumulative(names: string[], scores: Map<string, number>): Map<string, number> {
  const size = (n: string) => Math.abs(scores.get(n) ?? 0);
  const ranked = [...names].sort((x, y) => size(y) - size(x));
  const whole = ranked.reduce((s, n) => s + size(n), 0) || 1;
  let sum = 0;
  return new Map(ranked.map((n) => [n, (sum += size(n)) / whole]));
}

function output(a: Analysis): string {
  const list = (tokens: Analysis['metric']['answers']) => tokens.map((t) => `"${t.text}"`).join(', ');
  const { answers, against } = a.metric;
  return against.length > 0 ? `Output ${list(answers)} less ${list(against)}` : `Output ${list(answers)}`;
}

/**
 * What the chapter makes of the server's numbers: which part of a token's time is whose, how much a cache saves. Of repeated
 * times the shortest is taken: a machine that does other things meanwhile only ever adds.
 */
import type { Tensor } from '../../api/tensor';
import type { BenchmarkPoint, LayerCache, Part, TimedPass } from '../../api/types';

/** Kinds of work, as the timeline groups a block's parts. */
export type Kind = 'table' | 'attention' | 'feedforward' | 'norms';

export const KINDS: [kind: Kind, name: string, tint: string][] = [
  ['table', 'embedding, unembedding', 'logit'],
  ['attention', 'attention', 'attn'],
  ['feedforward', 'feed-forward', 'neuron'],
  ['norms', 'norms and additions', 'resid'],
];

const PARTS: Record<Part, [kind: Kind, name: string]> = {
  embed: ['table', 'the token’s row of the embedding'],
  altup: ['norms', 'forms of the stream: predicted and corrected'],
  ln1: ['norms', 'norm before attention'],
  'attn.qkv': ['attention', 'query, key, value'],
  'attn.rope': ['attention', 'turning by position'],
  'attn.scores': ['attention', 'into the cache; query times every key'],
  'attn.pattern': ['attention', 'softmax'],
  'attn.z': ['attention', 'weights times every value'],
  'attn.o': ['attention', 'output'],
  'conv.in': ['attention', 'gates and value of the convolution'],
  'conv.conv': ['attention', 'convolution over the last tokens'],
  'conv.out': ['attention', 'output of the convolution'],
  'ssm.in': ['attention', 'projections of the recurrence'],
  'ssm.steps': ['attention', 'steps of the recurrence: its state decays, is written and is read'],
  'ssm.out': ['attention', 'output of the recurrence'],
  ln1_post: ['norms', 'norm after attention'],
  laurel: ['norms', 'low-rank path parallel to attention'],
  resid_mid: ['norms', 'added to the stream'],
  ln2: ['norms', 'norm before feed-forward'],
  'mlp.in': ['feedforward', 'expand'],
  'mlp.act': ['feedforward', 'bend'],
  'mlp.out': ['feedforward', 'project back'],
  ln2_post: ['norms', 'norm after feed-forward'],
  ple: ['feedforward', 'the token’s own input to the layer'],
  resid_post: ['norms', 'added to the stream'],
  ln_final: ['norms', 'the last norm'],
  unembed: ['table', 'scores of the whole vocabulary'],
};

export const kindOf = (part: Part): Kind => PARTS[part][0];
export const nameOf = (part: Part): string => PARTS[part][1];

/** A row of the timeline: one block, or what comes before and after all of them. */
export interface Lane {
  name: string;
  layer: number | null;
  parts: { part: Part; kind: Kind; ms: number; from: number }[];
  ms: number;
}

/** The pass as lanes, each beginning where the one before ended; milliseconds. */
export function lanes(pass: TimedPass): Lane[] {
  const all: Lane[] = [];
  let from = 0;
  for (const t of pass.parts) {
    const name = t.layer !== undefined ? `layer ${t.layer}` : t.part === 'embed' ? 'embedding' : 'unembedding';
    let lane = all.at(-1);
    if (lane?.name !== name) {
      lane = { name, layer: t.layer ?? null, parts: [], ms: 0 };
      all.push(lane);
    }
    lane.parts.push({ part: t.part, kind: kindOf(t.part), ms: t.ms.min, from });
    lane.ms += t.ms.min;
    from += t.ms.min;
  }
  return all;
}

/** A layer of the cache that has heads, by which all of them are told. */
export const ofHeads = (cache: LayerCache[]): LayerCache | null => cache.find((l) => l.n_heads !== undefined) ?? null;

/** Bytes that short convolutions keep beside keys and values, whatever the length. */
export const statesOf = (cache: LayerCache[]): number => cache.reduce((sum, l) => sum + (l.conv_state_bytes ?? 0), 0);

/** Milliseconds of each kind of work, all layers together. */
export function byKind(pass: TimedPass): Map<Kind, number> {
  const sums = new Map<Kind, number>(KINDS.map(([kind]) => [kind, 0]));
  for (const t of pass.parts) sums.set(kindOf(t.part), (sums.get(kindOf(t.part)) ?? 0) + t.ms.min);
  return sums;
}

/** The kind that takes longest. */
export function longest(pass: TimedPass): Kind {
  return [...byKind(pass)].reduce((a, b) => (b[1] > a[1] ? b : a))[0];
}

/** How many times as long a token takes without a cache; null where that was not measured. */
export function gain(point: BenchmarkPoint): number | null {
  return point.without_cache ? point.without_cache.min / point.decode.min : null;
}

/** The longest past that was measured both ways. */
export function farthest(points: BenchmarkPoint[]): BenchmarkPoint | null {
  return points
    .filter((p) => p.without_cache)
    .reduce<BenchmarkPoint | null>((a, b) => (a && a.positions > b.positions ? a : b), null);
}

/**
 * Positions that the passes of a generation read: the prompt, then a pass for each further token. Without a cache each reads
 * all before it.
 */
export function computed(before: number, made: number): { without: number; with: number; again: number } {
  const without = made * before + (made * (made - 1)) / 2;
  const once = before + made - 1;
  return { without, with: once, again: without - once };
}

/** '12 times', '1.4 times'. */
export function times(ratio: number): string {
  return `${ratio >= 10 ? ratio.toFixed(0) : ratio.toFixed(1)} times`;
}

/** What the cache has of one position: a key and a value of every layer that has heads. */
export interface Held {
  pos: number;
  keys: { hook: string; values: Tensor }[];
  values: { hook: string; values: Tensor }[];
}

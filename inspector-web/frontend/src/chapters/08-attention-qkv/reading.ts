/** One query against every key of one head, step by step: the chapter's arithmetic, on numbers that the model made. */
import { rowOf } from '../../kit/data/products';

/** What the layer does to q · k. */
export interface Rules {
  scale: number;
  /** c in c · tanh(s / c), or null. */
  softcap: number | null;
  /** How many positions back a query sees, itself included, or null for all. */
  window: number | null;
  /** Whether the head has a sink: a score that takes part in the softmax and stands for no key. */
  sinks: boolean;
}

/** A query and one key: from their product to the weight. */
export interface Match {
  key: number;
  /** q · k. */
  dot: number;
  /** Times the scale. */
  scaled: number;
  /** After the cap; the same where there is none. */
  capped: number;
  /** As the model has it before the softmax: −∞ where the query may not look. */
  score: number;
  /** After the softmax. */
  weight: number;
}

/**
 * Every key that the query was held against.
 *
 * @param q [d_head]
 * @param keys [key, d_head]
 * @param scores the model's own, before the softmax, [key]
 * @param weights the model's own, after it, [key]
 */
export function matches(
  query: number,
  q: Float32Array,
  keys: Float32Array,
  scores: Float32Array,
  weights: Float32Array,
  rules: Rules,
): Match[] {
  const all: Match[] = [];
  for (let key = 0; key <= query; key++) {
    const product = inner(q, rowOf(keys, q.length, key));
    const scaled = product * rules.scale;
    const capped = rules.softcap === null ? scaled : rules.softcap * Math.tanh(scaled / rules.softcap);
    all.push({ key, dot: product, scaled, capped, score: scores[key], weight: weights[key] });
  }
  return all;
}

function inner(q: Float32Array, k: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < q.length; i++) sum += q[i] * k[i];
  return sum;
}

/** The keys with the largest weights, the largest first; never one that the query may not look at. */
export function heaviest(weights: Float32Array, query: number, most: number): number[] {
  const keys: number[] = [];
  for (let k = 0; k <= query; k++) if (weights[k] > 0) keys.push(k);
  return keys.sort((a, b) => weights[b] - weights[a] || a - b).slice(0, most);
}

/** What goes to no key: the share of the head’s sink, which the keys’ shares fall short of 1 by. */
export function sinkShare(weights: ArrayLike<number>): number {
  let sum = 0;
  for (let k = 0; k < weights.length; k++) sum += weights[k];
  return Math.max(0, 1 - sum);
}

/** The first key that the query may look at. */
export function firstVisible(query: number, window: number | null): number {
  return window === null ? 0 : Math.max(0, query - window + 1);
}

/** Σ weight · value, over all keys: what the head hands over, [d_head]. */
export function mixed(weights: Float32Array, values: Float32Array, width: number, query: number): Float32Array {
  const sum = new Float64Array(width);
  for (let k = 0; k <= query; k++) {
    if (weights[k] === 0) continue;
    for (let d = 0; d < width; d++) sum[d] += weights[k] * values[k * width + d];
  }
  return Float32Array.from(sum);
}

/** Length of a vector. */
export function norm(x: Float32Array): number {
  let sum = 0;
  for (const v of x) sum += v * v;
  return Math.sqrt(sum);
}

/** The largest distance between two vectors' numbers: what rounding leaves when both should be the same. */
export function farthest(a: Float32Array, b: Float32Array): number {
  let most = 0;
  for (let i = 0; i < a.length; i++) most = Math.max(most, Math.abs(a[i] - b[i]));
  return most;
}

/** The key/value head that a query head reads. */
export function sharedHead(model: { n_heads: number; n_kv_heads: number }, head: number): number {
  return Math.floor((head * model.n_kv_heads) / model.n_heads);
}

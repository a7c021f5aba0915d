/** One query of one head in full: what goes into the formula, as the model has it. */
import type { Source } from '../../api/source';
import { rowOf } from '../../kit/data/products';

export interface Line {
  key: number;
  /** q · k. */
  dot: number;
  /** As the softmax gets it: scaled, capped where the layer caps, −∞ where it may not look. */
  score: number;
  /** After the softmax. */
  weight: number;
  /** Length of the value. */
  value: number;
}

export interface Row {
  layer: number;
  head: number;
  query: number;
  lines: Line[];
  /** Every head's mix at the query, laid end to end, [head * d_value]. */
  z: Float32Array;
  /** [key, d_value] of this head's key/value head. */
  values: Float32Array;
}

export interface Want {
  layer: number;
  head: number;
  query: number;
  kvHead: number;
  rotated: boolean;
  /** The layer whose keys and values it attends to. */
  keys: number;
}

export async function rowAt(source: Source, want: Want, signal: AbortSignal): Promise<Row> {
  const { layer, head, query, kvHead } = want;
  const at = (name: string) => `blocks.${layer}.attn.${name}`;
  const keysAt = (name: string) => `blocks.${want.keys}.attn.${name}`;
  const turned = want.rotated ? 'rot_' : '';
  const of = `${query}:${query + 1}`;
  // Keys and values of every position that it may read; all else of the query alone.
  await Promise.all([
    source.need([keysAt(`hook_${turned}k`), keysAt('hook_v')], `0:${query + 1}`),
    source.need(
      ['attn_scores', `${turned}q`, 'pattern', 'z'].map((n) => at(`hook_${n}`)),
      of,
    ),
  ]);
  signal.throwIfAborted();
  const get = async (hook: string, slice: Parameters<Source['capture']>[1]) =>
    (await source.capture(hook, slice, signal)).data;
  const before = `0:${query + 1}`;
  const [q, keys, values, scores, weights, z] = await Promise.all([
    get(at(`hook_${turned}q`), { pos: query, head }),
    get(keysAt(`hook_${turned}k`), { pos: before, head: kvHead }),
    get(keysAt('hook_v'), { pos: before, head: kvHead }),
    get(at('hook_attn_scores'), { query, head }),
    get(at('hook_pattern'), { query, head }),
    get(at('hook_z'), { pos: query }),
  ]);
  const lines = Array.from({ length: query + 1 }, (_, key): Line => {
    const k = rowOf(keys, q.length, key);
    const v = rowOf(values, values.length / (query + 1), key); // may be narrower than a key
    const dot = q.reduce((sum, x, i) => sum + x * k[i], 0);
    return { key, dot, score: scores[key], weight: weights[key], value: Math.hypot(...v) };
  });
  return { layer, head, query, lines, z, values };
}

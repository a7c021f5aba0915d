import type { Source } from '../../api/source';
import type { ModelIdentity } from '../../api/types';
import { sharedHead } from './reading';

/** Everything that one head did for one query, as the model made it. */
export interface Head {
  layer: number;
  head: number;
  query: number;
  /** Whether queries and keys are as the positions have turned them. */
  rotated: boolean;
  /** The layer whose keys and values it attends to, and the head of them. */
  keysOf: number;
  kvHead: number;
  /** [d_head] */
  q: Float32Array;
  /** [key, d_head], of every position: one fetch serves every query. */
  keys: Float32Array;
  values: Float32Array;
  /** [key], of every position. */
  scores: Float32Array;
  weights: Float32Array;
  /** [d_head] */
  z: Float32Array;
  /** [d_model]; null where the model does not show what one head writes. */
  result: Float32Array | null;
  /** The residual stream as the layer reads it, [d_model]; with the result. */
  stream: Float32Array | null;
}

/** Below this, all positions of a layer are read at once: every other query is there then. */
const AT_ONCE_BYTES = 16 * 1024 * 1024;

/** The layer's hooks, in two heaps: those that are needed at every position, and those of the query alone. */
export function wanted(
  layer: number,
  rotated: boolean,
  result: boolean,
  keys = layer,
): { every: string[]; query: string[] } {
  const of = (name: string) => `blocks.${keys}.attn.hook_${name}`;
  const at = (name: string) => `blocks.${layer}.${name}`;
  const r = rotated ? 'rot_' : '';
  return {
    every: [at(`attn.hook_${r}q`), of(`${r}k`), of('v'), at('attn.hook_z')],
    query: [
      at('attn.hook_attn_scores'),
      at('attn.hook_pattern'),
      ...(result ? [at('attn.hook_result'), at('hook_resid_pre')] : []),
    ],
  };
}

/** Bytes of one layer's scores, pattern and results at every position. */
export function layerBytes(model: ModelIdentity, positions: number): number {
  return 4 * model.n_heads * positions * (2 * positions + model.d_model);
}

export async function fetchHead(
  source: Source,
  of: {
    layer: number;
    head: number;
    query: number;
    positions: number;
    rotated: boolean;
    result: boolean;
    /** The layer whose keys and values it attends to, and their heads. */
    keys: number;
    kvHeads: number;
  },
  signal: AbortSignal,
): Promise<Head> {
  const { layer, head, query, rotated } = of;
  const model = source.manifest.model;
  const names = wanted(layer, rotated, of.result, of.keys);
  if (layerBytes(model, of.positions) <= AT_ONCE_BYTES) await source.need([...names.every, ...names.query]);
  else await Promise.all([source.need(names.every), source.need(names.query, `${query}:${query + 1}`)]);
  signal.throwIfAborted();
  const shared = sharedHead({ n_heads: model.n_heads, n_kv_heads: of.kvHeads }, head);
  const [q, k, v, z] = names.every;
  const [scores, pattern, result, stream] = names.query;
  const get = async (hook: string, slice: Parameters<Source['capture']>[1]) =>
    (await source.capture(hook, slice, signal)).data;
  const [qs, ks, vs, zs, ss, ps, out, rs] = await Promise.all([
    get(q, { pos: query, head }),
    get(k, { head: shared }),
    get(v, { head: shared }),
    get(z, { pos: query, head }),
    get(scores, { query, head }),
    get(pattern, { query, head }),
    result ? get(result, { pos: query, head }) : null,
    stream ? get(stream, { pos: query }) : null,
  ]);
  return {
    layer,
    head,
    query,
    rotated,
    keysOf: of.keys,
    kvHead: shared,
    q: qs,
    keys: ks,
    values: vs,
    scores: ss,
    weights: ps,
    z: zs,
    result: out,
    stream: rs,
  };
}

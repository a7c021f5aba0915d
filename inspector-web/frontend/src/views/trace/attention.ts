import type { Tensor } from '../../api/tensor';
import { linear, logarithmic, type Scale } from '../../kit/paint/matrix';

/** Scale from a weight to a shade. */
export type Shade = 'linear' | 'log';

export function shadeScale(shade: Shade): Scale {
  return shade === 'linear' ? linear(0, 1) : logarithmic(1);
}

export function patternHook(layer: number): string {
  return `blocks.${layer}.attn.hook_pattern`;
}

/** Which key/value head serves a query head. */
export const kvHead = (of: { n_heads: number; n_kv_heads: number }, head: number): number =>
  Math.floor(head / Math.max(1, of.n_heads / of.n_kv_heads));

/** One query's weights over the keys it may look at: row of [1, head, query, key]. */
export function queryRow(pattern: Tensor, head: number, query: number): Float32Array {
  const [, , queries, keys] = pattern.shape;
  const from = (head * queries + query) * keys;
  return pattern.data.subarray(from, from + Math.min(keys, query + 1));
}

/** Keys by weight, heaviest first. */
export function heaviest(row: Float32Array, most: number): number[] {
  return Array.from(row.keys())
    .sort((a, b) => row[b] - row[a])
    .slice(0, most);
}

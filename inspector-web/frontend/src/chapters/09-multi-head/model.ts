/** What chapter 9 can tell of a model's heads, why it begins with its head, and their sizes. Pure. */
import type { RunManifest } from '../../api/types';
import { bytes, count, short } from '../../kit/text/format';
import type { Sizes } from '../chapter';

/** Whether weights have names: an exported graph's have none, and what its heads look for and add is not known. */
export const weightsNamed = (exported: boolean): boolean => !exported;

/** Why the head is shown that the chapter chose: what it adds to the next token's logit, else its one clear role. */
export function whyChosen(
  head: { layer: number; head: number },
  heads: number,
  adds: { word: string; logit: number; likeliest: boolean } | null,
): string {
  const framed = `Chosen: layer ${head.layer}, head ${head.head}, because`;
  return adds
    ? `${framed} of all ${count(heads)} heads it adds most to the logit of ${adds.word}${adds.likeliest ? ', the likeliest next token' : ''}: ${adds.logit >= 0 ? '+' : ''}${short(Number(adds.logit.toPrecision(3)))}.`
    : `${framed} of all ${count(heads)} heads none puts a larger share on the token before, or on what followed the same token last time.`;
}

/**
 * Sizes of a model's heads.
 *
 * @param layers how many layers have heads
 * @param cached numbers that a token leaves in the cache
 */
export function sizesOf(model: RunManifest['model'], layers: number, cached: number): Sizes {
  const { n_layers, n_heads, n_kv_heads, d_head, d_model } = model;
  return [
    ['layers × heads', `${layers} × ${n_heads} = ${layers * n_heads}`],
    ...(layers < n_layers ? ([['layers without heads', `${n_layers - layers} of ${n_layers}`]] as Sizes) : []),
    ['key/value heads per layer', String(n_kv_heads)],
    ['numbers in a head', String(d_head)],
    ['heads laid end to end', `${n_heads} × ${d_head} = ${count(n_heads * d_head)}`],
    ['W_O', `${count(n_heads * d_head)} × ${count(d_model)}`],
    ['weights of one head', count(d_model * d_head * 2 + (2 * d_model * d_head * n_kv_heads) / n_heads)],
    ['keys and values a token leaves', `${count(cached)} numbers, ${bytes(cached * 4)} in float32`],
  ];
}

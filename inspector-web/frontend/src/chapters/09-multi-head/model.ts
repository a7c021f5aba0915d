/** What chapter 9 can tell of a model's heads, why it begins with its head, and their sizes. Pure. */
import type { DecoderSpec, RunManifest } from '../../api/types';
import { bytes, count, ranged, short } from '../../kit/text/format';
import type { Sizes } from '../chapter';
import { cached } from './heads';

type Attention = NonNullable<DecoderSpec['layers'][number]['attention']>;

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
 * @param attention of the layers that have heads; empty while it is not known
 * @param layers how many those are
 */
export function sizesOf(model: RunManifest['model'], attention: Attention[], layers: number): Sizes {
  const { n_layers, n_heads, d_model } = model;
  const of = attention.length > 0 ? attention : [model];
  const values = of.map((a) => ('d_value' in a ? (a.d_value ?? a.d_head) : a.d_head));
  const wide = values.map((d) => n_heads * d);
  const plain = attention.filter((a) => !a.latent);
  const numbers = cached(attention);
  return [
    ['layers × heads', `${layers} × ${n_heads} = ${layers * n_heads}`],
    ...(layers < n_layers ? ([['layers without heads', `${n_layers - layers} of ${n_layers}`]] as Sizes) : []),
    ['key/value heads per layer', ranged(of.map((a) => a.n_kv_heads))],
    ['numbers in a head', ranged(of.map((a) => a.d_head))],
    ['heads laid end to end', `${n_heads} × ${ranged(values)} = ${ranged(wide)}`],
    ['W_O', `${ranged(wide)} × ${count(d_model)}`],
    ...(plain.length > 0
      ? ([['W_Q, W_K, W_V, W_O of one head', ranged(plain.map((a) => weightsOf(a, d_model)))]] as Sizes)
      : []),
    ['keys and values a token leaves', `${count(numbers)} numbers, ${bytes(numbers * 4)} in float32`],
  ];
}

/** Weights of a head and of its share of the keys and values. */
const weightsOf = (a: Attention, dModel: number): number =>
  dModel * (a.d_head + (a.d_value ?? a.d_head)) * (1 + (a.keys_from == null ? a.n_kv_heads / a.n_heads : 0));

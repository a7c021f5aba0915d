/** Why chapter 8 begins with its head, and a model's attention in sizes. Pure. */
import type { DecoderSpec, RunManifest } from '../../api/types';
import { count, plural, short } from '../../kit/text/format';
import type { Sizes } from '../chapter';
import type { Rules } from './reading';

type Attention = NonNullable<DecoderSpec['layers'][number]['attention']>;

/** Of how many heads one is shown; nothing of none, and of a model that is not known yet. */
export const besideSaid = (heads: number | null): string =>
  heads === 0 ? '' : `Here is one of the ${heads === null ? 'many' : count(heads)} heads that do this side by side.`;

/** Why the head is shown that the chapter chose: its share on one earlier token, the largest of all heads'. */
export const whyChosen = (head: { layer: number; head: number }, heads: number): string =>
  `Layer ${head.layer}, head ${head.head}, chosen because of all ${count(heads)} heads it puts the largest share on one token further back.`;

/**
 * Sizes of a model's attention, in one layer.
 *
 * @param layers how many layers have heads
 * @param rules null while they are not known
 * @param own the layer's attention in the model's spec; null while that is on its way
 * @param learned positions are added before the first layer
 */
export function sizesOf(
  model: RunManifest['model'],
  layers: number,
  rules: Rules | null,
  own: Attention | null,
  learned: boolean,
): Sizes {
  const { n_layers, n_heads, d_model } = model;
  const { n_kv_heads, d_head } = own ?? model;
  const wide = own?.d_value ?? d_head;
  return [
    ['layers × heads', `${layers} × ${n_heads} = ${layers * n_heads}`],
    ...(layers < n_layers ? ([['layers without heads', `${n_layers - layers} of ${n_layers}`]] as Sizes) : []),
    [
      'key/value heads of a layer',
      n_kv_heads === n_heads ? `${n_kv_heads}, one per head` : `${n_kv_heads}, each for ${n_heads / n_kv_heads} heads`,
    ],
    wide === d_head ? ['numbers in q, k and v', `${d_head} each`] : ['numbers in q and k, in v', `${d_head}, ${wide}`],
    ...(rules ? ([['scale', scaleOf(rules.scale, d_head)]] as Sizes) : []),
    ['window', rules?.window ? plural(rules.window, 'token') : 'none: every earlier token'],
    ...(rules?.softcap ? ([['cap on scores', `± ${short(rules.softcap)}`]] as Sizes) : []),
    ...(own ? ([['positions', positionsOf(own, learned)]] as Sizes) : []),
    ...(own?.latent
      ? ([
          ['keys and values are made of', `${own.latent.d_latent} numbers per token, and ${own.latent.d_shared}`],
        ] as Sizes)
      : ([
          ['W_Q', `${count(d_model)} × ${count(n_heads * d_head)}`],
          wide === d_head
            ? ['W_K, W_V', `${count(d_model)} × ${count(n_kv_heads * d_head)} each`]
            : ['W_K, W_V', `${count(d_model)} × ${count(n_kv_heads * d_head)}, × ${count(n_kv_heads * wide)}`],
        ] as Sizes)),
    ['W_O', `${count(n_heads * wide)} × ${count(d_model)}`],
  ];
}

/** How a layer knows where tokens stand. */
function positionsOf(own: Attention, learned: boolean): string {
  if (own.rope) return 'turned into q and k (RoPE)';
  if (own.alibi) return 'a slope taken from each score (ALiBi)';
  return learned ? 'added to the tokens before the first layer' : 'none in this layer';
}

const scaleOf = (scale: number, dHead: number): string =>
  `${short(scale)}${Math.abs(scale - 1 / Math.sqrt(dHead)) < 1e-6 ? ` = 1 / √${dHead}` : ''}`;

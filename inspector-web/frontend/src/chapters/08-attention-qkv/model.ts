/** Why chapter 8 begins with its head, and a model's attention in sizes. Pure. */
import type { RunManifest } from '../../api/types';
import { count, plural, short } from '../../kit/text/format';
import type { Sizes } from '../chapter';
import type { Rules } from './reading';

/** Of how many heads one is shown; nothing of none, and of a model that is not known yet. */
export const besideSaid = (heads: number | null): string =>
  heads === 0 ? '' : `Here is one of the ${heads === null ? 'many' : count(heads)} heads that do this side by side.`;

/** Why the head is shown that the chapter chose: its share on one earlier token, the largest of all heads'. */
export const whyChosen = (head: { layer: number; head: number }, heads: number): string =>
  `Layer ${head.layer}, head ${head.head}, chosen because of all ${count(heads)} heads it puts the largest share on one token further back.`;

/** Sizes of a model's attention; no rules are not known yet. */
export function sizesOf(model: RunManifest['model'], layers: number, rules: Rules | null, rotary: boolean): Sizes {
  const { n_layers, n_heads, n_kv_heads, d_head, d_model } = model;
  return [
    ['layers × heads', `${layers} × ${n_heads} = ${layers * n_heads}`],
    ...(layers < n_layers ? ([['layers without heads', `${n_layers - layers} of ${n_layers}`]] as Sizes) : []),
    [
      'key/value heads per layer',
      n_kv_heads === n_heads ? `${n_kv_heads}, one per head` : `${n_kv_heads}, each for ${n_heads / n_kv_heads} heads`,
    ],
    ['numbers in q, k and v', `${d_head} each`],
    ...(rules ? ([['scale', scaleOf(rules.scale, d_head)]] as Sizes) : []),
    ['window', rules?.window ? plural(rules.window, 'token') : 'none: every earlier token'],
    ...(rules?.softcap ? ([['cap on scores', `± ${short(rules.softcap)}`]] as Sizes) : []),
    ['positions', rotary ? 'turned into q and k (RoPE)' : 'added to the tokens before the first layer'],
    ['W_Q', `${count(d_model)} × ${count(n_heads * d_head)}`],
    ['W_K, W_V', `${count(d_model)} × ${count(n_kv_heads * d_head)} each`],
    ['W_O', `${count(n_heads * d_head)} × ${count(d_model)}`],
  ];
}

const scaleOf = (scale: number, dHead: number): string =>
  `${short(scale)}${Math.abs(scale - 1 / Math.sqrt(dHead)) < 1e-6 ? ` = 1 / √${dHead}` : ''}`;

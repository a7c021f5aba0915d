/** What chapter 11 may show of a model and why not, why it begins with its block, and a block's sizes. Pure. */
import type { DecoderSpec } from '../../api/types';
import { bytes, count, magnitude } from '../../kit/text/format';
import type { Sizes } from '../chapter';
import type { Sum } from './costs';
import { expertsOf } from './mixture';
import { activationName, normName, type Layer } from './piece';
import { orderOf } from './pieces';
import { RECURRENT } from './recurrence';

/** Why a model's blocks cannot be drawn; null where they can. */
export const cannotShow = (exported: boolean): string | null =>
  exported
    ? 'it is a graph that was exported elsewhere: it does not say where one part of a block ends and the next begins, nor which weights are whose'
    : null;

/** The block whose two parts both add much for the stream that they are added to: the lesser share is the largest. */
export function busiestOf(shares: (readonly [attention: number, feedForward: number])[]): number | null {
  const lesser = shares.map(([a, f]) => Math.min(a, f));
  return lesser.length > 0 ? lesser.indexOf(Math.max(...lesser)) : null;
}

/** Why the block is shown that the chapter chose. */
export const whyChosen = (
  block: number,
  shares: (readonly [attention: number, feedForward: number])[],
  mixer = 'attention',
): string =>
  `Block ${block}, because of all ${shares.length} both its parts add most: ${mixer} ${shares[block][0].toFixed(2)} and feed-forward ${shares[block][1].toFixed(2)} times the norm of the stream that each is added to.`;

/** Sizes of a block; its cost is not known yet where it is null. */
export function sizesOf(spec: DecoderSpec, layer: Layer, cost: Sum | null): Sizes {
  const { attention: a, mlp } = layer;
  return [
    ['blocks', String(spec.layers.length)],
    ['numbers in, numbers out', `${count(spec.d_model)}, ${count(spec.d_model)}`],
    ['order', orderOf(layer)],
    ['norm', normName((layer.ln1 ?? layer.ln1_post ?? spec.final_norm).kind)],
    a
      ? ['heads', `${a.n_heads} of ${a.d_head}, ${a.n_kv_heads} keys`]
      : layer.conv
        ? ['heads', `none: a short convolution over ${layer.conv.width} tokens`]
        : ['heads', `none: ${layer.recurrence ? RECURRENT[layer.recurrence.kind] : 'no token reads another'}`],
    [
      'neurons',
      `${expertsOf(layer) || count(mlp.d_mlp)}, ${activationName(mlp.activation)}${mlp.gated ? ', gated' : ''}`,
    ],
    ...(cost
      ? ([
          ['parameters of a block', count(cost.parameters)],
          ['FLOPs per token and block', magnitude(cost.flops)],
          ['bytes moved', bytes(cost.bytes)],
        ] as Sizes)
      : []),
  ];
}

/** How many plans a model's blocks are built by: what moves between tokens, and what feeds forward. */
export const plansOf = (spec: DecoderSpec): number =>
  new Set(
    spec.layers.map((l) =>
      [!!l.attention, !!l.conv, l.recurrence?.kind, l.mlp.d_mlp > 0 && (l.mlp.experts ? 'experts' : 'dense')].join(),
    ),
  ).size;

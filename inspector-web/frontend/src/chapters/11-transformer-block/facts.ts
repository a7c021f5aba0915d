/** What tells one family's block from another's, as names and values: for the table that compares two models. Pure. */
import type { DecoderSpec } from '../../api/types';
import { count, short } from '../../kit/text/format';
import { expertsOf } from './mixture';
import { activationName, normName, slopesOf, type Attention } from './piece';
import { orderOf } from './pieces';
import { RECURRENT } from './recurrence';

export interface Fact {
  name: string;
  value: string;
}

function windows(spec: DecoderSpec): string {
  const all = spec.layers.flatMap((l) => (l.attention ? [l.attention.window ?? null] : []));
  const some = all.filter((w) => w !== null);
  if (some.length === 0) return 'none: every earlier token';
  const sizes = [...new Set(some)].join(', ');
  return some.length === all.length ? `${sizes} in every layer` : `${sizes} in ${some.length} of ${all.length} layers`;
}

/** Of a layer that has heads. */
function ofHeads(spec: DecoderSpec, a: Attention, rotating: number, headed: number): Fact[] {
  return [
    { name: 'Heads', value: `${a.n_heads} of ${a.d_head}` },
    {
      name: 'Keys and values',
      value: a.latent
        ? `of a vector of ${a.latent.d_latent} numbers; ${a.latent.d_shared} of a key are all heads’`
        : a.n_heads === a.n_kv_heads
          ? 'one per head'
          : `${a.n_kv_heads}, each for ${a.n_heads / a.n_kv_heads} heads`,
    },
    { name: 'Scale of scores', value: short(a.scale) },
    {
      name: 'Positions',
      value: spec.learned_positions
        ? 'learned vectors, added before the first block'
        : rotating === 0
          ? a.alibi
            ? `ALiBi, slopes ${slopesOf(a.alibi)}`
            : 'none'
          : `RoPE, base ${count(a.rope?.theta ?? 0)}${a.rope && a.rope.dims < a.d_head ? `, ${a.rope.dims} of ${a.d_head} numbers` : ''}${a.rope && a.rope.scaling.kind !== 'default' ? `, ${a.rope.scaling.kind}` : ''}${rotating < headed ? `, in ${rotating} of ${headed} layers` : ''}`,
    },
    { name: 'Window', value: windows(spec) },
    { name: 'Cap on scores', value: a.score_softcap == null ? 'none' : `± ${short(a.score_softcap)}` },
    ...(a.sinks ? [{ name: 'Attention sinks', value: 'one per head' }] : []),
    {
      name: 'Norms of q and k',
      value: a.q_norm
        ? a.qk_norm_wide
          ? 'over all heads'
          : a.qk_norm_by_head
            ? 'head by head, weights of its own'
            : 'head by head'
        : 'none',
    },
  ];
}

/** What tells one family's block from another's. */
export function factsOf(spec: DecoderSpec, layer: number): Fact[] {
  const l = spec.layers[layer];
  const a = l.attention;
  const first = l.ln1 ?? l.ln1_post ?? spec.final_norm;
  const rotating = spec.layers.filter((x) => x.attention?.rope != null).length;
  const headed = spec.layers.filter((x) => x.attention).length;
  return [
    { name: 'Blocks', value: String(spec.layers.length) },
    { name: 'Width of the stream', value: count(spec.d_model) },
    { name: 'Order', value: orderOf(l) },
    { name: 'Norm', value: `${normName(first.kind)}${first.weight === false ? ', without weights' : ''}` },
    ...(l.residual_scale == null ? [] : [{ name: 'Factor on what parts add', value: short(l.residual_scale) }]),
    { name: 'Layers with heads', value: headed < spec.layers.length ? `${headed} of ${spec.layers.length}` : 'all' },
    ...(l.conv
      ? [{ name: 'In the place of attention', value: `a short convolution over ${l.conv.width} tokens` }]
      : []),
    ...(l.recurrence ? [{ name: 'Recurrence', value: RECURRENT[l.recurrence.kind] }] : []),
    ...(a ? ofHeads(spec, a, rotating, headed) : []),
    { name: 'Neurons', value: expertsOf(l) || (l.mlp.d_mlp === 0 ? 'none: no feed-forward part' : count(l.mlp.d_mlp)) },
    {
      name: 'Activation',
      value: `${activationName(l.mlp.activation)}${l.mlp.gated ? ', gated' : ''}${l.mlp.limit == null ? '' : `, held within ± ${short(l.mlp.limit)}`}`,
    },
    {
      name: 'Biases',
      value:
        [
          a?.qkv_bias ? 'q, k, v' : '',
          a?.out_bias ? 'o' : '',
          l.conv?.bias ? 'convolution' : '',
          l.mlp.bias ? 'feed-forward' : '',
        ]
          .filter(Boolean)
          .join('; ') || 'none',
    },
    {
      name: 'Embedding',
      value: `${spec.tied ? 'also the unembedding' : 'apart from the unembedding'}${spec.embed_scale === 1 ? '' : `, times ${short(spec.embed_scale)}`}${spec.embed_norm ? ', normed' : ''}`,
    },
    ...(spec.unembed_bias ? [{ name: 'Bias of the unembedding', value: 'one per token' }] : []),
    ...(spec.logit_scale == null ? [] : [{ name: 'Factor on logits', value: short(spec.logit_scale) }]),
    { name: 'Cap on logits', value: spec.logit_softcap == null ? 'none' : `± ${short(spec.logit_softcap)}` },
  ];
}

/** Facts of both, side by side. */
export function compared(a: Fact[], b: Fact[]): { name: string; a: string; b: string; differs: boolean }[] {
  const of = (facts: Fact[], name: string) => facts.find((f) => f.name === name)?.value ?? 'none';
  return [...new Set([...a, ...b].map((f) => f.name))].map((name) => {
    const both = { a: of(a, name), b: of(b, name) };
    return { name, ...both, differs: both.a !== both.b };
  });
}

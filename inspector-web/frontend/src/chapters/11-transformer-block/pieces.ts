/** A family's block as its spec says it: the parts along the stream, their steps, and what each computes. Pure. */
import type { DecoderSpec } from '../../api/types';
import { count, short } from '../../kit/text/format';
import { laurel, ownInput } from './inputs';
import { mixture } from './mixture';
import { recurrence, RECURRENT } from './recurrence';
import {
  NEURON,
  normName,
  slopesOf,
  timesScale,
  type Attention,
  type Layer,
  type Piece,
  type PieceId,
  type Step,
} from './piece';

type Conv = NonNullable<Layer['conv']>;

function norm(
  id: PieceId,
  n: NonNullable<Layer['ln1']>,
  d: number,
  branch: number,
  after: boolean,
  first: string,
  reads = '',
  stream = false,
): Piece {
  const rms = n.kind === 'rms';
  const w = n.weight ?? true;
  const b = n.bias ?? !rms;
  const learned = `${w ? ', then multiply each number by a learned one' : ''}${b ? ' and add another' : ''}`;
  const tail = `${w ? '\\,w_i' : ''}${b ? '+b_i' : ''}`;
  const ends = `${w ? ', times w' : ''}${b ? ', plus b' : ''}`;
  const of = id.startsWith('ln1') ? first : 'the feed-forward part';
  return {
    id,
    name: normName(n.kind),
    shape: after ? `after ${id.startsWith('ln1') ? first : 'feed-forward'}, [${d}]` : `[${d}] → [${d}]`,
    color: 'resid',
    branch,
    role: after
      ? `Brings what ${of} made to a steady length before it is added to the stream.`
      : stream
        ? `Brings the stream itself to a steady length: ${of} reads what comes out, and adds to it.`
        : `Brings the token’s vector to a steady length before ${of} reads it. The stream itself is not touched.`,
    steps: [
      {
        part: id,
        name: normName(n.kind),
        shape: `[${d}] → [${d}]`,
        says: rms
          ? `Divide by the root of the mean square${learned}.`
          : `Take the mean away, divide by the spread${learned}.`,
        tex: rms
          ? `y_i=\\frac{x_i}{\\sqrt{\\tfrac1d\\sum_j x_j^2+\\varepsilon}}${tail}`
          : `y_i=\\frac{x_i-\\bar x}{\\sqrt{\\tfrac1d\\sum_j (x_j-\\bar x)^2+\\varepsilon}}${tail}`,
        words: rms
          ? `y = x divided by the root of its mean square${ends}`
          : `y = x less its mean, divided by its standard deviation${ends}`,
        values: after
          ? [{ name: 'after', hook: `${id}.hook_out`, color: 'resid' }]
          : [
              { name: 'reads', hook: reads, color: 'resid' },
              { name: 'gives, before w', hook: `${id}.hook_normalized`, color: 'resid' },
            ],
        chapter: '11-transformer-block',
      },
    ],
  };
}

/** Keys and values of a short vector per token, and one key that all heads share. */
function latent(a: Attention, of: NonNullable<Attention['latent']>, d: number): Step {
  const own = a.d_head - of.d_shared;
  const narrow = of.d_query != null;
  return {
    part: 'attn.qkv',
    name: 'A short vector, then keys and values',
    shape: `[${d}] → [${of.d_latent}] → [${a.n_heads} × ${own}], [${a.n_heads} × ${of.d_value}]`,
    says: `One matrix makes a vector of ${of.d_latent} numbers, normed, and two more bring it to every head: ${own} numbers of its key, and its value. The key’s other ${of.d_shared} numbers${a.rope ? ', those that turn,' : ''} all heads share.${narrow ? ` Queries too go through a vector, of ${of.d_query}.` : ''}`,
    tex: `c=N(W_D\\,x),\\quad\\ck{k}=[\\,W_R\\,x\\,;\\;W_K\\,c\\,],\\quad\\cv{v}=W_V\\,c,\\quad\\cq{q}=${narrow ? 'W_Q\\,N(W_A\\,x)' : 'W_Q\\,x'}`,
    words: `c is W_D times x, normed; k is W_R times x, then W_K times c; v is W_V times c; q is W_Q times ${narrow ? 'W_A times x, normed' : 'x'}`,
    values: [
      { name: 'c', hook: 'attn.hook_kv_latent', color: 'resid' },
      { name: 'q', hook: 'attn.hook_q', color: 'q' },
      { name: 'k', hook: 'attn.hook_k', color: 'k' },
      { name: 'v', hook: 'attn.hook_v', color: 'v' },
    ],
    chapter: '08-attention-qkv',
  };
}

/** Queries alone: keys and values are those of an earlier block. */
function queries(a: Attention, d: number): Step {
  return {
    part: 'attn.qkv',
    name: 'Query',
    shape: `[${d}] → [${a.n_heads} × ${a.d_head}]`,
    says: `One matrix makes what this token looks for${a.q_norm ? ', normed' : ''}. What tokens offer and hand over is not made again: keys and values are those of block ${a.keys_from}.`,
    tex: `\\cq{q}=W_Q\\,x`,
    words: 'q is W_Q times x',
    values: [{ name: 'q', hook: 'attn.hook_q', color: 'q' }],
    chapter: '08-attention-qkv',
  };
}

function attention(l: Layer, a: Attention, d: number, parallel: boolean): Piece {
  const shared = a.n_heads / a.n_kv_heads;
  const heads = `[${a.n_heads} × ${a.d_head}]`;
  const keys = `[${a.n_kv_heads} × ${a.d_head}]`;
  const mixed = `[${a.n_heads} × ${a.latent?.d_value ?? a.d_head}]`;
  const rot = a.rope != null;
  const capped = a.score_softcap != null;
  const slopes = a.alibi ? slopesOf(a.alibi) : null;
  const lent = a.keys_from !== undefined;
  const steps: Step[] = [
    a.latent
      ? latent(a, a.latent, d)
      : lent
        ? queries(a, d)
        : {
            part: 'attn.qkv',
            name: 'Query, key and value',
            shape: `[${d}] → ${heads}, ${keys}, ${keys}`,
            says: `${a.values_are_keys ? 'Two' : 'Three'} matrices make what this token looks for, what it offers, and what it hands over${shared > 1 ? `; ${shared} query heads share a key and a value` : ''}${a.values_are_keys ? '; the matrix of keys makes values too' : ''}${a.q_norm ? `; queries and keys${a.v_norm ? ' and values' : ''} are normed` : ''}${a.clip ? `; all are held within ± ${short(a.clip)}` : ''}.`,
            tex: `\\cq{q}=W_Q\\,x${a.qkv_bias ? '+b_Q' : ''},\\quad\\ck{k}=W_K\\,x${a.qkv_bias ? '+b_K' : ''},\\quad\\cv{v}=W_V\\,x${a.qkv_bias ? '+b_V' : ''}`,
            words: 'q, k and v are W_Q, W_K and W_V times x',
            values: [
              { name: 'q', hook: 'attn.hook_q', color: 'q' },
              { name: 'k', hook: 'attn.hook_k', color: 'k' },
              { name: 'v', hook: 'attn.hook_v', color: 'v' },
            ],
            chapter: '08-attention-qkv',
          },
  ];
  if (a.rope) {
    steps.push({
      part: 'attn.rope',
      name: 'Turn by position (RoPE)',
      shape: lent ? heads : `${heads}, ${keys}`,
      says: `Query and key are turned pair by pair by the token’s position, so that their fit depends on distance${a.rope.dims < a.d_head ? `; ${a.rope.dims} of ${a.d_head} numbers turn` : ''}.`,
      tex: `\\theta_i=p\\cdot${a.rope.theta}^{-2i/${a.rope.dims}}`,
      words: `pair i turns by the position times ${a.rope.theta} to the minus 2 i over ${a.rope.dims}`,
      values: [
        { name: 'q', hook: 'attn.hook_rot_q', color: 'q' },
        ...(lent ? [] : [{ name: 'k', hook: 'attn.hook_rot_k', color: 'k' as const }]),
      ],
      chapter: '10-rope',
    });
  }
  steps.push(
    {
      part: 'attn.scores',
      name: 'Scores',
      shape: `[${a.n_heads} × positions]`,
      says: `Each head’s query against every key so far${a.window ? `, ${a.window} positions back at most` : ''}${capped ? `; held within ± ${short(a.score_softcap ?? 0)}` : ''}${slopes ? `; for each token of distance a head takes its slope away, ${slopes} (ALiBi)` : ''}.`,
      tex: capped
        ? `s_j=c\\tanh\\!\\left(\\tfrac{${short(a.scale)}}{c}\\,\\cq{q}\\cdot\\ck{k_j}\\right)`
        : `s_j=${short(a.scale)}\\;\\cq{q}\\cdot\\ck{k_j}${slopes ? '-m_h\\,(p-j)' : ''}`,
      words: `the score of key j is ${short(a.scale)} times q · k${slopes ? ', less the head’s slope times the distance' : ''}`,
      values: [{ name: 'scores', hook: 'attn.hook_attn_scores', color: 'attn', square: true }],
      chapter: slopes ? '10-rope' : '08-attention-qkv',
    },
    {
      part: 'attn.pattern',
      name: 'Shares (softmax)',
      shape: `[${a.n_heads} × positions]`,
      says: a.sinks
        ? 'Scores become shares. Each head has a sink, a learned score that stands for no token and takes part: the tokens’ shares add up to less than 1.'
        : 'Scores become shares that add up to 1 in each head.',
      tex: `\\alpha_j=\\frac{e^{s_j}}{${a.sinks ? 'e^{s_{\\mathrm{sink}}}+' : ''}\\sum_k e^{s_k}}`,
      words: `the share of key j is e to its score over the sum of all${a.sinks ? ', the sink’s included' : ''}`,
      values: [{ name: 'shares', hook: 'attn.hook_pattern', color: 'attn', square: true }],
      chapter: '08-attention-qkv',
    },
    {
      part: 'attn.z',
      name: 'Mix of values',
      shape: mixed,
      says: 'Each head brings home the values of the tokens that it reads, by their shares.',
      tex: '\\cattn{z}=\\sum_j\\alpha_j\\,\\cv{v_j}',
      words: 'z is the sum of the values, each times its share',
      values: [{ name: 'z', hook: 'attn.hook_z', color: 'attn' }],
      chapter: '08-attention-qkv',
    },
    {
      part: 'attn.o',
      name: 'Back to the stream’s width',
      shape: `${mixed} → [${d}]`,
      says: `The heads’ vectors, one after another, times one more matrix: what ${l.ln1_post ? 'is normed and then' : 'is'} added to the stream.`,
      ...timesScale(l, `W_O\\,\\cattn{z}${a.out_bias ? '+b_O' : ''}`, 'W_O times z', a.out_bias),
      // What is made before a norm after it has no hook of its own: the norm's is what is added.
      values: l.ln1_post ? [] : [{ name: 'added', hook: 'hook_attn_out', color: 'attn' }],
      chapter: '09-multi-head',
    },
  );
  return {
    id: 'attention',
    name: 'Attention',
    shape: a.window
      ? `${a.n_heads}${shared > 1 ? `/${a.n_kv_heads}` : ''} heads, window ${a.window}`
      : `${a.n_heads} heads of ${a.d_head}${shared > 1 ? `, ${a.n_kv_heads} keys` : ''}`,
    color: 'attn',
    branch: 0,
    role: `Moves information between tokens: this one reads those before it${rot ? '' : slopes ? ', near ones more than far ones' : '; positions were added before the first block'}${parallel ? ', while the feed-forward part reads the same stream' : ''}.`,
    steps,
  };
}

/** What stands in the place of attention in a layer with a short convolution. */
function convolution(l: Layer, c: Conv, d: number): Piece {
  const past = c.width - 1;
  const b = (name: string) => (c.bias ? `+b_{${name}}` : '');
  const places = Array.from({ length: c.width }, (_, i) => past - i);
  return {
    id: 'attention',
    name: 'Short convolution',
    shape: `gated, over ${c.width} tokens`,
    color: 'attn',
    branch: 0,
    role: `Moves information between tokens that stand close by: each channel of this one is mixed with the same channel of the ${past} before it. There are no heads, and no keys or values: all that is kept is what those ${past} gave, however long the text is.`,
    steps: [
      {
        part: 'conv.in',
        name: 'Two gates and a value',
        shape: `[${d}] → [${d}], [${d}], [${d}]`,
        says: 'Three matrices make what goes in, a gate before the convolution and a gate after it. The first gate is multiplied in.',
        tex: `B=W_B\\,x${b('B')},\\quad C=W_C\\,x${b('C')},\\quad u=B\\odot(W_X\\,x${b('X')})`,
        words: 'B and C are W_B and W_C times x; u is B times W_X x, number by number',
        values: [
          { name: 'B', hook: 'conv.hook_b', color: 'attn' },
          { name: 'C', hook: 'conv.hook_c', color: 'attn' },
          { name: 'u', hook: 'conv.hook_bx', color: 'resid' },
        ],
        chapter: '11-transformer-block',
      },
      {
        part: 'conv.conv',
        name: 'Mix with the tokens before',
        shape: `[${c.width} × ${d}] → [${d}]`,
        says: `In each channel the last ${c.width} tokens’ numbers, each times a learned weight, are added up; the second gate is multiplied in. Those of the ${past} before are kept from when they were read.`,
        tex: `z=C\\odot\\big(${places.map((p) => `w_{${p}}\\odot u_{t${p === 0 ? '' : `-${p}`}}`).join('+')}${b('w')}\\big)`,
        words: `z is C times the sum over ${c.width} tokens of the kernel’s weights times u`,
        values: [
          { name: 'sum', hook: 'conv.hook_conv', color: 'attn' },
          { name: 'z', hook: 'conv.hook_post', color: 'attn' },
        ],
        chapter: '11-transformer-block',
      },
      {
        part: 'conv.out',
        name: 'Back to the stream',
        shape: `[${d}] → [${d}]`,
        says: `One more matrix: what ${l.ln1_post ? 'is normed and then' : 'is'} added to the stream.`,
        ...timesScale(l, `W_O\\,z${b('O')}`, 'W_O times z', c.bias),
        values: l.ln1_post ? [] : [{ name: 'added', hook: 'hook_conv_out', color: 'attn' }],
        chapter: '11-transformer-block',
      },
    ],
  };
}

function mlp(l: Layer, d: number): Piece {
  const m = l.mlp;
  if (m.experts) return mixture(l, m.experts, d);
  const [tex, name] = NEURON[m.activation] ?? ['f(x)', m.activation];
  const wide = `[${count(m.d_mlp)}]`;
  return {
    id: 'mlp',
    name: 'Feed-forward',
    shape: `${count(m.d_mlp)} neurons, ${m.gated ? 'gated ' : ''}${name.replace(' (tanh)', '')}`,
    color: 'neuron',
    branch: 1,
    role: 'Rewrites each token alone: many neurons read its vector, fire or not, and add their own vectors up.',
    steps: [
      {
        part: 'mlp.in',
        name: m.gated ? 'Expand, twice' : 'Expand',
        shape: `[${d}] → ${wide}${m.gated ? ', twice' : ''}`,
        says: m.gated
          ? 'Two sums for every neuron: one is the gate of the other.'
          : 'One sum for every neuron: its row of weights times the vector.',
        tex: m.gated ? 'g=W_{gate}\\,x,\\quad u=W_{in}\\,x' : `u=W_{in}\\,x${m.bias ? '+b' : ''}`,
        words: m.gated ? 'g = W_gate times x, u = W_in times x' : 'u = W_in times x',
        values: m.gated
          ? [
              { name: 'gate', hook: 'mlp.hook_pre', color: 'neuron' },
              { name: 'sum', hook: 'mlp.hook_pre_linear', color: 'neuron' },
            ]
          : [{ name: 'sum', hook: 'mlp.hook_pre', color: 'neuron' }],
        chapter: '04-feed-forward',
      },
      {
        part: 'mlp.act',
        name: `Bend (${name})`,
        shape: wide,
        says: m.gated
          ? 'The gate is bent and multiplied into the other sum: without the bend, two matrices would be one.'
          : 'Each sum is bent: without the bend, two matrices would be one.',
        tex: m.gated ? `h=f(g)\\odot u,\\quad f(x)=${tex}` : `h=f(u),\\quad f(x)=${tex}`,
        words: m.gated ? `h = ${name} of g, times u` : `h = ${name} of u`,
        values: [{ name: 'fires', hook: 'mlp.hook_post', color: 'neuron' }],
        chapter: '03-neuron',
      },
      {
        part: 'mlp.out',
        name: 'Project back',
        shape: `${wide} → [${d}]`,
        says: 'Every neuron adds its own vector, as often as it fires.',
        ...timesScale(l, `W_{out}\\,h${m.bias ? '+b' : ''}`, 'W_out times h', m.bias),
        values: l.ln2_post ? [] : [{ name: 'added', hook: 'hook_mlp_out', color: 'neuron' }],
        chapter: '04-feed-forward',
      },
    ],
  };
}

/** The parts of one block, in the order of the data; those of one branch are added to the stream together. */
/** What a block's first branch is called in a sentence. */
export const mixerName = (l: Layer): string =>
  l.conv
    ? 'the convolution'
    : l.recurrence
      ? `${l.attention ? 'attention and ' : ''}the ${RECURRENT[l.recurrence.kind]}`
      : 'attention';

export function piecesOf(spec: DecoderSpec, layer: number): Piece[] {
  const l = spec.layers[layer];
  const d = spec.d_model;
  const first = mixerName(l);
  const feeds = l.mlp.d_mlp > 0;
  return [
    ...(l.ln1 ? [norm('ln1', l.ln1, d, 0, false, first, 'hook_resid_pre', l.stream_norms)] : []),
    ...(l.conv ? [convolution(l, l.conv, d)] : []),
    ...(l.attention ? [attention(l, l.attention, d, l.parallel)] : []),
    ...(l.recurrence ? [recurrence(l, l.recurrence, d)] : []),
    ...(l.ln1_post ? [norm('ln1_post', l.ln1_post, d, 0, true, first)] : []),
    ...(l.laurel ? [laurel(l.laurel, d)] : []),
    ...(l.ln2
      ? [norm('ln2', l.ln2, d, 1, false, first, l.parallel ? 'hook_resid_pre' : 'hook_resid_mid', l.stream_norms)]
      : []),
    ...(feeds ? [mlp(l, d)] : []),
    ...(l.ln2_post ? [norm('ln2_post', l.ln2_post, d, 1, true, first)] : []),
    ...(spec.layer_inputs ? [ownInput(spec.layer_inputs, l, d, spec.alt_up != null)] : []),
  ];
}

/** How the norms stand, in a sentence. */
export function orderOf(l: Layer): string {
  if (l.parallel) return 'both parts read the same stream and are added at once (parallel)';
  if (l.stream_norms)
    return 'after each sum a norm brings the stream itself to a steady length (the first transformer’s post-norm)';
  const before = l.ln1 != null;
  const after = l.ln1_post != null;
  if (before && after) return 'each part has a norm before it and one after it (sandwich norms)';
  if (after) return 'each part has a norm after it and none before (post-norm)';
  return 'each part has a norm before it (pre-norm)';
}

export const length = (v: ArrayLike<number>): number => Math.hypot(...Array.from(v));

/** What stands in the place of attention, or beside it, in a layer with a recurrence. Pure. */
import type { Recurrence } from '../../state/heads';
import { count } from '../../kit/text/format';
import { timesScale, type Layer, type Piece, type Step, type Values } from './piece';

/** Names of the kinds, as a part is called. */
export const RECURRENT: Record<Recurrence['kind'], string> = {
  mamba: 'Mamba',
  mamba2: 'Mamba 2',
  delta_net: 'Gated delta net',
  lightning: 'Lightning attention',
  rg_lru: 'RG-LRU',
};

/** What moves information between tokens in a block, as the words call it, and its piece. */
export function mover(l: Layer | null): { name: string; piece: 'attention' | 'recurrence' } {
  if (l?.recurrence && !l.attention) return { name: RECURRENT[l.recurrence.kind], piece: 'recurrence' };
  return { name: l?.conv ? 'Convolution' : 'Attention', piece: 'attention' };
}

interface Sizes {
  heads: number;
  head: number;
  state: number;
  width: number;
}

function sizesOf(r: Recurrence): Sizes {
  switch (r.kind) {
    case 'mamba':
      return { heads: 1, head: r.d_head, state: r.d_state ?? 1, width: r.width ?? 1 };
    case 'lightning':
      return { heads: r.decay?.length ?? 1, head: r.d_head, state: r.d_head, width: 1 };
    case 'rg_lru':
      return { heads: r.n_heads ?? 1, head: r.d_head, state: 1, width: r.width ?? 1 };
    default:
      return { heads: r.n_heads ?? 1, head: r.d_head, state: r.d_state ?? 1, width: r.width ?? 1 };
  }
}

/** What is made of the token: hooks and words by kind. */
function inputs(r: Recurrence): { says: string; tex: string; words: string; values: Values[] } {
  const q: Values[] = [
    { name: 'q', hook: 'ssm.hook_q', color: 'q' },
    { name: 'k', hook: 'ssm.hook_k', color: 'k' },
    { name: 'v', hook: 'ssm.hook_v', color: 'v' },
  ];
  const x: Values = { name: 'x', hook: 'ssm.hook_x', color: 'v' };
  switch (r.kind) {
    case 'mamba':
    case 'mamba2':
      return {
        says: 'Matrices make a value x, where in the state it is written (B), what is read from it (C), and a step size dt, which says how far the state fades and how much is written.',
        tex: '\\cv{x},\\;\\ck{B},\\;\\cq{C},\\;\\Delta=\\mathrm{softplus}(\\cdot),\\quad a=e^{\\Delta A}',
        words: 'x, B, C and dt are made of the token; the decay a is e to dt times A',
        values: [{ name: 'C', hook: 'ssm.hook_C', color: 'q' }, { name: 'B', hook: 'ssm.hook_B', color: 'k' }, x],
      };
    case 'delta_net':
      return {
        says: 'Matrices make a query, a key and a value, each query and key of a fixed length; how far the state fades; and beta, how much of a correction is written.',
        tex: '\\cq{q},\\;\\ck{k},\\;\\cv{v},\\quad\\beta=\\sigma(\\cdot),\\quad a=e^{-\\cdot}',
        words: 'q, k, v, beta and the decay a are made of the token',
        values: [...q, { name: 'beta', hook: 'ssm.hook_beta', color: 'attn' }],
      };
    case 'lightning':
      return {
        says: 'Matrices make a query, a key and a value. How fast a head forgets is fixed, and is the same for every token.',
        tex: '\\cq{q},\\;\\ck{k},\\;\\cv{v},\\quad a\\text{ fixed}',
        words: 'q, k and v are made of the token; the decay a is fixed',
        values: q,
      };
    case 'rg_lru':
      return {
        says: 'A matrix makes a value, and two gates of it say, channel by channel, how much comes in and how much of the past stays.',
        tex: '\\cv{x},\\quad i=\\sigma(\\cdot),\\quad a=e^{-c\\,\\sigma(\\cdot)}',
        words: 'x, its gate i and the decay a are made of the token',
        values: [x],
      };
  }
}

function step(r: Recurrence, s: Sizes): Pick<Step, 'says' | 'tex' | 'words'> {
  if (r.kind === 'delta_net')
    return {
      says: 'The state fades. What it already answers to the key is taken from the value before the rest is written there: what stood at that key is corrected, not added to. Then the query reads.',
      tex: 'S=a\\,S+\\beta\\,(\\cv{v}-a\\,S\\ck{k})\\,\\ck{k}^{\\top},\\qquad y=S\\,\\cq{q}',
      words: 'S becomes a S plus beta times (v less what a S gives for k), written at k; y is S times q',
    };
  if (r.kind === 'rg_lru')
    return {
      says: 'Each channel keeps one number: it fades, and the new value is added, scaled so that the sum keeps its size.',
      tex: 'S=a\\odot S+\\sqrt{1-a^2}\\odot i\\odot\\cv{x},\\qquad y=S',
      words: 'S becomes a times S plus the square root of 1 less a squared, times i, times x; y is S',
    };
  const key =
    r.kind === 'lightning'
      ? ['\\cv{v}\\,\\ck{k}^{\\top}', '\\cq{q}']
      : ['\\Delta\\,\\cv{x}\\,\\ck{B}^{\\top}', '\\cq{C}'];
  return {
    says: `The state of ${count(s.heads * s.head * s.state)} numbers fades, the value is written into it at the key, and the query reads.`,
    tex: `S=a\\,S+${key[0]},\\qquad y=S\\,${key[1]}`,
    words:
      r.kind === 'lightning'
        ? 'S becomes a S plus v times k; y is S times q'
        : 'S becomes a S plus dt times x times B; y is S times C',
  };
}

export function recurrence(l: Layer, r: Recurrence, d: number): Piece {
  const s = sizesOf(r);
  const made = inputs(r);
  return {
    id: 'recurrence',
    name: RECURRENT[r.kind],
    shape:
      s.state === 1
        ? `${s.heads * s.head} channels`
        : `state ${s.heads > 1 ? `${s.heads} × ` : ''}${s.head} × ${s.state}`,
    color: 'attn',
    branch: 0,
    role: `Moves information between tokens through a state of ${count(s.heads * s.head * s.state)} numbers, which every token fades, writes to and reads.${l.attention ? ' It reads the same input as attention, and both are added.' : ' There are no heads of attention, and no keys or values are kept: the state is as large after one token as after a million.'}`,
    steps: [
      {
        part: 'ssm.in',
        name: 'What is written, where, and what is read',
        shape: `[${d}] → [${s.heads} × ${s.head}]${s.width > 1 ? `, over ${s.width} tokens` : ''}`,
        says: `${made.says}${s.width > 1 ? ` A short convolution first mixes in the ${s.width - 1} tokens before.` : ''}`,
        tex: made.tex,
        words: made.words,
        values: made.values,
        chapter: '08-attention-qkv',
      },
      {
        part: 'ssm.steps',
        name: 'Fade, write, read',
        shape: `[${s.heads} × ${s.head} × ${s.state}] → [${s.heads} × ${s.head}]`,
        ...step(r, s),
        values: [
          { name: 'written', hook: 'ssm.hook_write', color: 'v' },
          { name: 'read', hook: 'ssm.hook_y', color: 'attn' },
        ],
        chapter: '10-rope',
      },
      {
        part: 'ssm.out',
        name: 'Gate, and back to the stream',
        shape: `[${s.heads * s.head}] → [${d}]`,
        says: `What was read is multiplied by a gate of the token${r.kind === 'rg_lru' || r.kind === 'mamba' ? '' : ' and normed'}, and one more matrix brings it to the stream’s width.`,
        ...timesScale(l, 'W_O\\,z', 'W_O times z', false),
        values: [
          { name: 'gated', hook: 'ssm.hook_post', color: 'attn' },
          ...(l.ln1_post ? [] : [{ name: 'added', hook: 'hook_ssm_out', color: 'attn' as const }]),
        ],
        chapter: '11-transformer-block',
      },
    ],
  };
}

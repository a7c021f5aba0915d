/** Effective attention of recurrent layers: what is asked, what of the answer is shown, and what such a layer is. Pure. */
import type { Ask } from '../state/scene';
import type { EffectiveAttention, RunManifest } from '../api/types';
import { bytes, count, plural } from '../kit/text/format';
import { mixersOf, recurrent, stateOf, type Recurrence } from '../state/heads';
import type { Sizes } from './chapter';

export type EffectiveAsk = Ask<null, EffectiveAttention>;

/** @param slice of heads and queries; all of those that it does not name */
export function effectiveOf(
  run: string,
  layer: number,
  slice: { head?: number | string; query?: number },
): EffectiveAsk {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(slice)) if (value !== undefined) query.set(name, String(value));
  const text = query.toString();
  return { path: `/runs/${encodeURIComponent(run)}/effective/${layer}${text ? `?${text}` : ''}`, body: null };
}

/** Channels of a layer that has no heads, but as many recurrences as channels, which are looked through. */
const MOST_CHANNELS = 64;

/** One query through every head; of a layer whose channels decay by themselves, through the first of them. */
export const rowsAsked = (m: RunManifest, layer: number, query: number): EffectiveAsk => {
  const channels = mixersOf(m, layer).some((x) => x === 'mamba' || x === 'rg_lru');
  return effectiveOf(m.id, layer, { ...(channels ? { head: `0:${MOST_CHANNELS}` } : {}), query });
};

/** The rows of one of the answer's heads: [query][key]. */
export const rowsOf = (e: EffectiveAttention, i: number): number[][] => e.values[i] as number[][];

/** Where a row reads most: the token whose weight is farthest from zero, and its share of all weights' sizes. */
export interface Strongest {
  head: number;
  key: number;
  weight: number;
  share: number;
}

/** The strongest weight of a row on a token before the query's own; null where it reads none. */
export function strongest(row: number[], query: number, head: number): Strongest | null {
  const all = row.reduce((sum, w) => sum + Math.abs(w), 0);
  let best: Strongest | null = null;
  for (let key = 0; key < query; key++) {
    const share = Math.abs(row[key]) / (all || 1);
    if (share > (best?.share ?? 0)) best = { head, key, weight: row[key], share };
  }
  return best;
}

/** Of all heads of an answer about one query, the one that gives the largest share to one token before. */
export function telling(e: EffectiveAttention): Strongest | null {
  let best: Strongest | null = null;
  for (let i = 0; i < e.shape[0]; i++) {
    const of = strongest(rowsOf(e, i)[0], e.first_query, e.first_head + i);
    if (of && of.share > (best?.share ?? 0)) best = of;
  }
  return best;
}

/** What the weights are, in sentences. */
export const CONVENTIONS: Record<EffectiveAttention['convention'], string> = {
  decayed_query_key:
    'A weight is the query times the key, times what is left of the state after the tokens in between (L ∘ C Bᵀ). Weights may be negative, and need not add up to 1.',
  delta_rule:
    'A weight is the query times the key, through the decays in between, less what later keys overwrote (the delta rule). Weights may be negative, and need not add up to 1.',
  decay:
    'A weight is what is left of the state after the tokens in between: every channel is read as it was written. Weights need not add up to 1.',
};

/** What a token writes into the state and how, by kind. */
export const WRITES: Record<Recurrence['kind'], string> = {
  mamba:
    'Of the token are made a value, a list B that says where in the state it is written, and a step that says how much of it.',
  mamba2:
    'Of the token are made a value, a list B that says where in the state it is written, and a step that says how much of it.',
  delta_net:
    'Of the token are made a value and a key, which says where in the state it is written. What the state already answers to that key is first taken from the value: what stood there is corrected, not added to.',
  lightning: 'Of the token are made a value and a key, which says where in the state it is written.',
  rg_lru: 'Of the token is made a value for each channel, and a gate that says how much of it comes in.',
};

/** How the state fades, by kind. */
export const FADES: Record<Recurrence['kind'], string> = {
  mamba: 'The longer the token’s own step, the more of what stood there is let go.',
  mamba2: 'The longer the token’s own step, the more of what stood there is let go.',
  delta_net: 'How much of what stood there is let go, the token itself decides.',
  lightning: 'How much of what stood there is let go is fixed, the same at every token.',
  rg_lru: 'How much of what stood there is let go, a second gate of the token decides, channel by channel.',
};

/** How the state is read, by kind. */
export const READS: Record<Recurrence['kind'], string> = {
  mamba: 'A list C of the token says where in the state it reads.',
  mamba2: 'A list C of the token says where in the state it reads.',
  delta_net: 'A query of the token says where in the state it reads.',
  lightning: 'A query of the token says where in the state it reads.',
  rg_lru: 'Each channel is read as it stands.',
};

const PAPERS: Record<Recurrence['kind'], [title: string, href: string]> = {
  mamba: ['Gu and Dao 2023, Mamba', 'https://arxiv.org/abs/2312.00752'],
  mamba2: ['Dao and Gu 2024, Mamba 2', 'https://arxiv.org/abs/2405.21060'],
  delta_net: ['Yang et al. 2024, gated delta networks', 'https://arxiv.org/abs/2412.06464'],
  lightning: ['Qin et al. 2024, Lightning Attention-2', 'https://arxiv.org/abs/2401.04658'],
  rg_lru: ['De et al. 2024, Griffin', 'https://arxiv.org/abs/2402.19427'],
};

/** What a chapter says of a layer whose state is on show, beside its words. */
export interface RecurrentFacts {
  takeaway: string;
  caveat: string;
  sizes: Sizes;
  forward: undefined;
  code: [name: string, path: string][];
  papers: [title: string, href: string][];
}

const ENGINE = 'inspector-core/src/main/java/org/llminspector/engine/layer/';

/** @param r the layer's recurrence in the model's spec; null while that is on its way */
export function factsOf(m: RunManifest, layer: number, r: Recurrence | null): RecurrentFacts {
  const heads = r && (r.n_heads ?? r.decay?.length ?? null);
  const key = r && (r.d_state ?? (r.kind === 'lightning' ? r.d_head : null));
  return {
    takeaway:
      'A recurrence keeps one state of a fixed size. Every token fades it, writes into it and reads it, and what is read is a weighted sum of what was written.',
    caveat:
      'The weights say what was read from the state, not why the model answers as it does. Before the state a short convolution may have mixed in the tokens just before, and a gate decides how much of what was read goes on.',
    sizes: [
      ['layers with a recurrence', `${recurrent(m).length} of ${m.model.n_layers}`],
      ...(r
        ? ([
            ...(heads !== null && r.kind !== 'rg_lru' ? [['heads of this layer', count(heads)]] : []),
            [r.kind === 'mamba' || r.kind === 'rg_lru' ? 'channels' : 'numbers of a value', count(channels(r))],
            ...(key === null
              ? []
              : [[r.kind.startsWith('mamba') ? 'numbers of B and C' : 'numbers of a key', count(key)]]),
            ...(r.width ? [['short convolution', `over ${plural(r.width, 'token')}`]] : []),
          ] as Sizes)
        : []),
      ['kept by this layer, always', bytes(stateOf(m, layer))],
    ],
    forward: undefined,
    code: [
      ['One step of every kind', `${ENGINE}Steps.java`],
      ['The same over a prompt', `${ENGINE}Chunks.java`],
      ['Effective attention', 'inspector-core/src/main/java/org/llminspector/analysis/EffectiveAttention.java'],
    ],
    papers: [
      ...(r ? [PAPERS[r.kind]] : []),
      ['Ali et al. 2024, the hidden attention of Mamba models', 'https://arxiv.org/abs/2403.01590'],
    ],
  };
}

/** Channels of a layer whose channels decay by themselves; of another, the numbers of a head's value. */
const channels = (r: Recurrence): number => (r.kind === 'rg_lru' ? (r.n_heads ?? 1) * r.d_head : r.d_head);

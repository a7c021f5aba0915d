/** Effective attention of recurrent layers: what is asked, and what of the answer is shown. Pure. */
import type { Ask } from '../state/scene';
import type { EffectiveAttention, RunManifest } from '../api/types';
import { mixersOf } from '../state/heads';

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

/** What the weights are, in a sentence. */
export const CONVENTIONS: Record<EffectiveAttention['convention'], string> = {
  decayed_query_key:
    'A weight is the query times the key, times what is left of the state after the tokens in between (L ∘ C Bᵀ).',
  delta_rule:
    'A weight is the query times the key, through the decays in between, less what later keys overwrote (the delta rule).',
  decay: 'A weight is what is left of the state after the tokens in between: every channel is read as it was written.',
};

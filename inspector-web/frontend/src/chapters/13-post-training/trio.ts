/** Base, instruct and preference-tuned models of one family: their answers, and where these differ. Pure. */
import type { Curve, Distances, LearnerStepAnswer, Logprobs, ModelDetails, ModelSummary, Token } from '../../api/types';

export type Trio = [base: string, instruct: string, preferred: string];
export const ROLES = ['base', 'instruct', 'preferred'] as const;
const TASKS = ['pretrain', 'instruct', 'prefer'] as const;

/** How a model was trained: its updates, the tokens it read, the loss on held-out text at the first look and the last. */
export interface Trained {
  updates: number;
  tokens: number;
  first: number;
  last: number;
}

export function trainedOf(curve: Curve): Trained | null {
  const looks = curve.val_loss.filter((x) => x !== null);
  const [updates, tokens] = [curve.step.at(-1), curve.tokens.at(-1)];
  if (looks.length === 0 || updates === undefined || tokens === undefined) return null;
  return { updates, tokens, first: looks[0], last: looks[looks.length - 1] };
}

/** Probabilities per token, geometric means: of what a model says itself, and of the answer that it should give. */
export interface Saying {
  own: number;
  should: number;
}

export const perToken = (of: Logprobs): number => Math.exp(of.logprob / Math.max(1, of.tokens.length));

/** Models of the list that can be asked. */
export const usable = (list: ModelSummary[]): ModelSummary[] =>
  list.filter((m) => !m.exported && m.has_tokenizer && !m.trouble);

/** Those of the list that are made as this one is: what it was tuned from, and what was tuned from it. */
export function sisters(of: { family: string; n_layers: number; d_model: number }, list: ModelSummary[]): string[] {
  return usable(list)
    .filter((m) => m.family === of.family && m.n_layers === of.n_layers && m.d_model === of.d_model)
    .map((m) => m.slug);
}

/** One model of each task, this one among them where it has one of the tasks; null where a task has none. */
export function trioOf(own: string, details: ModelDetails[]): Trio | null {
  const found = TASKS.map((task) => {
    const all = details.filter((d) => d.task === task).map((d) => d.summary.slug);
    return all.includes(own) ? own : (all[0] ?? null);
  });
  return found.every((slug) => slug !== null) ? (found as Trio) : null;
}

/** From where on two texts differ; null where they do not. */
export function parting(a: Token[], b: Token[]): number | null {
  const n = Math.min(a.length, b.length);
  for (let i = 0; i < n; i++) if (a[i].id !== b[i].id) return i;
  return a.length === b.length ? null : n;
}

export interface Odds {
  id: number;
  text: string;
  /** A probability a model; null where it is below the least that was listed. */
  probs: (number | null)[];
}

const MOST_ROWS = 4;
const FIRST = 4;

/** The tokens that any of the models finds likely at one place, the likeliest first. */
export function oddsOf(answers: Logprobs[]): Odds[] {
  const lists = answers.map((a) => a.tokens.at(-1)?.alternatives ?? []);
  const texts = new Map(lists.flatMap((l) => l.slice(0, FIRST).map((t) => [t.id, t.text] as const)));
  return [...texts]
    .map(([id, text]) => ({ id, text, probs: lists.map((l) => l.find((t) => t.id === id)?.prob ?? null) }))
    .sort((a, b) => Math.max(...b.probs.map((p) => p ?? 0)) - Math.max(...a.probs.map((p) => p ?? 0)))
    .slice(0, MOST_ROWS);
}

export const VALUES = { stream: 'hook_resid_post', attn: 'hook_attn_out', mlp: 'hook_mlp_out' } as const;
export type Value = keyof typeof VALUES;

/** |b - a| / |a| by layer and position, [layer][pos]; NaN where one of the two lacks it. */
export function apart(d: Distances, value: Value): number[][] {
  return d.hooks
    .filter((h) => h.hook.endsWith(`.${VALUES[value]}`))
    .sort((a, b) => (a.layer ?? 0) - (b.layer ?? 0))
    .map((h) => h.by_position.map((x) => x ?? NaN));
}

/** The layer where a column of it is largest; null where there is none. */
export function furthest(rows: number[][], at: number): number | null {
  let best: number | null = null;
  rows.forEach((row, layer) => {
    if (row[at] > (best === null ? -1 : rows[best][at])) best = layer;
  });
  return best;
}

/** Answers that differ, the most probable first. */
export function distinct<A extends { tokens: Token[]; logprob: number }>(all: A[]): A[] {
  const known = new Map(all.map((a) => [a.tokens.map((t) => t.id).join(' '), a]));
  return [...known.values()].sort((a, b) => b.logprob - a.logprob);
}

/** Two neighbours of them, by their number; null where there are not two. */
export function pairOf<A>(answers: A[], draw: number): [A, A] | null {
  const n = answers.length;
  return n < 2 ? null : [answers[(2 * draw) % n], answers[(2 * draw + 1) % n]];
}

export const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));

/** The place of an answer's token that the update moved most. */
export function mostMoved(change: NonNullable<LearnerStepAnswer['preference']>['chosen']): number {
  const by = change.by_token.map((t) => Math.abs(t.after - t.before));
  return by.indexOf(Math.max(...by));
}

/** All heads of a model: their scores, their order, their places in the grid. Pure. */
import type { DecoderSpec, EvidenceHeads, HeadEffects, HeadProfile } from '../../api/types';

type Attention = NonNullable<DecoderSpec['layers'][number]['attention']>;

export type By = 'layers' | 'adds' | 'previous' | 'induction' | 'duplicate' | 'first' | 'focus';

/** A head by its number among all: layer after layer. */
export interface At {
  layer: number;
  head: number;
}

/** @param layers that have heads, in order */
export const at = (index: number, heads: number, layers: number[]): At => ({
  layer: layers[Math.floor(index / heads)] ?? 0,
  head: index % heads,
});

/** A head's number among all. */
export const numberOf = (here: At, heads: number, layers: number[]): number =>
  Math.max(0, layers.indexOf(here.layer)) * heads + here.head;

/** What each head adds to the logit, by its number. */
export function effectsByHead(effects: HeadEffects, heads: number, layers: number[]): number[] {
  const all: number[] = [];
  for (const p of effects.parts)
    if (p.part === 'head') all[numberOf({ layer: p.layer!, head: p.head! }, heads, layers)] = p.effect;
  return all;
}

/** Scores of a head: on one text, or over a corpus. */
export type Scores = Pick<HeadProfile, 'layer' | 'head' | 'stripes' | 'entropy'>;

/** Heads over a corpus by their numbers; a head that never had a query there has none. */
export function overCorpus(layers: NonNullable<EvidenceHeads['layers']>): (Scores | undefined)[] {
  return layers.flatMap(({ layer, roles }) =>
    roles.entropy.map((entropy, head) => {
      const of = (role: string) => roles[role]?.[head] ?? null;
      const [previous, first, self] = [of('previous_token'), of('first_token'), of('self')];
      if (entropy === null || previous === null || first === null || self === null) return undefined;
      const [duplicate, induction] = [of('duplicate_token') ?? undefined, of('induction') ?? undefined];
      return { layer, head, stripes: { previous, first, self, duplicate, induction }, entropy };
    }),
  );
}

/** A head's score; null where its text has no such place. */
export function score(profile: Scores | undefined, effect: number | undefined, by: By): number | null {
  if (by === 'adds') return effect ?? null;
  if (!profile) return null;
  switch (by) {
    case 'previous':
      return profile.stripes.previous;
    case 'induction':
      return profile.stripes.induction ?? null;
    case 'duplicate':
      return profile.stripes.duplicate ?? null;
    case 'first':
      return profile.stripes.first;
    case 'focus':
      return -profile.entropy;
    default:
      return null;
  }
}

/** Heads in their order: the highest score first, those without one last, equal ones as they stand in the model. */
export function sorted(scores: (number | null)[]): number[] {
  const worth = (i: number) => scores[i] ?? -Infinity;
  return scores.map((_, i) => i).sort((a, b) => worth(b) - worth(a) || a - b);
}

/** The head with the highest score, or null where none has one. */
export function highest(scores: (number | null)[]): number | null {
  const first = sorted(scores)[0];
  return first === undefined || scores[first] === null ? null : first;
}

/** What a role is called in a sentence. */
export const ROLES: Record<string, string> = {
  previous_token: 'reads the token just before',
  duplicate_token: 'reads the same token where it stood before',
  induction: 'reads what followed this token last time',
  first_token: 'rests on the first token',
  self: 'reads its own token',
};

/** Query heads of each key/value head. */
export function groups(heads: number, kvHeads: number): number[][] {
  const each = heads / kvHeads;
  return Array.from({ length: kvHeads }, (_, g) => Array.from({ length: each }, (_, i) => g * each + i));
}

/** What of a layer's attention says what a token leaves in the cache. */
export type Keeps = Pick<Attention, 'n_kv_heads' | 'd_head' | 'd_value' | 'latent' | 'keys_from'>;

/** Numbers that a token leaves in the cache of one layer: none where the layer reads another's keys. */
export function left(a: Keeps): number {
  if (a.keys_from != null) return 0;
  return a.latent ? a.latent.d_latent + a.latent.d_shared : a.n_kv_heads * (a.d_head + (a.d_value ?? a.d_head));
}

/** The same of all layers. */
export const cached = (layers: Keeps[]): number => layers.reduce((sum, a) => sum + left(a), 0);

/** What a token leaves in the cache of one layer, in a sentence. */
export function leftSaid(a: Keeps): string {
  if (a.keys_from != null) return `This layer reads the keys and values of layer ${a.keys_from}, and keeps none.`;
  const { n_kv_heads, d_head, d_value = d_head } = a;
  if (a.latent)
    return `A token leaves ${a.latent.d_latent} + ${a.latent.d_shared} numbers in this layer behind, of which every head’s key and value are made again.`;
  const each = d_value === d_head ? `2 × ${n_kv_heads} × ${d_head}` : `${n_kv_heads} × (${d_head} + ${d_value})`;
  return `A token leaves ${each} numbers in this layer behind, for those that come later.`;
}

/** All heads of a model: their scores, their order, their places in the grid. Pure. */
import type { HeadEffects, HeadProfile } from '../../api/types';

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

/** A head's score; null where its text has no such place. */
export function score(profile: HeadProfile | undefined, effect: number | undefined, by: By): number | null {
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

/** Numbers that a token leaves in the cache of all layers. */
export function cached(layers: { kvHeads: number; dHead: number }[]): number {
  return layers.reduce((sum, l) => sum + 2 * l.kvHeads * l.dHead, 0);
}

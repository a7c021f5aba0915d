/** A model's checkpoints: the first that predicts what the last one does, when heads form, how fast the loss fell. Pure. */
import type { Checkpoint, Curve, HeadProfile, RunManifest } from '../../api/types';

/** A checkpoint of a model: its state after `step` updates. */
export interface State {
  /** It opens as a model by this name. */
  slug: string;
  step: number;
  /** Predicted until then. */
  tokens: number | null;
}

export type Role = 'previous' | 'induction' | 'duplicate';

/** What a role is called in a sentence. */
export const ROLES: Record<Role, string> = {
  previous: 'reads the token just before',
  induction: 'reads what came after this token last time',
  duplicate: 'reads where the same token stood before',
};

/** Which model's life a state is of. */
export const whose = (slug: string): string => slug.replace(/@\d+$/, '');

/** The kept states and the finished model, the earliest first. */
export function statesOf(slug: string, kept: Checkpoint[], curve: Curve): State[] {
  const last = curve.step.length - 1;
  const end = { slug, step: curve.step[last] ?? 0, tokens: curve.tokens[last] ?? null };
  const before = kept.filter((k) => k.step < end.step);
  return [...before.map((k) => ({ slug: k.slug, step: k.step, tokens: k.tokens ?? null })), end];
}

/** The next token that a state thinks most probable. */
export const saysNext = (run: RunManifest | undefined): number | null => run?.generation?.steps[0]?.token.id ?? null;

/** Updates after which the most probable next token is first the one that it is in the end; null while runs are missing. */
export function firstRight(states: State[], runs: Record<string, RunManifest>): number | null {
  const end = saysNext(runs[states.at(-1)?.slug ?? '']);
  if (end === null || states.some((s) => !runs[s.slug])) return null;
  return states.find((s) => saysNext(runs[s.slug]) === end)?.step ?? null;
}

/** Updates after which half of all that the loss would ever fall was gone; null for a curve that does not fall. */
export function halfway(curve: Curve): number | null {
  const heights = curve.step.map((_, i) => curve.val_loss[i] ?? curve.loss[i]);
  const known = heights.filter((h) => h !== null);
  const [first, last] = [known[0], known.at(-1)];
  if (first === undefined || last === undefined || last >= first) return null;
  const i = heights.findIndex((h) => h !== null && h <= (first + last) / 2);
  return i < 0 ? null : curve.step[i];
}

/** A stage after the first, as held-out losses tell it. */
export interface LaterStage {
  /** Updates after which it begins. */
  from: number;
  /** At the last look before, at its highest in it, and at the last look in it. */
  before: number;
  most: number;
  end: number;
}

/** The stages after the first in which held-out text was looked at, and before which it was. */
export function laterStages(curve: Curve): LaterStage[] {
  const looks = curve.step.flatMap((step, i) => {
    const loss = curve.val_loss[i];
    return loss === null ? [] : [{ step, loss }];
  });
  return curve.midtraining.flatMap((from, i) => {
    const to = curve.midtraining[i + 1] ?? Infinity;
    const before = looks.findLast((l) => l.step <= from);
    const within = looks.filter((l) => l.step > from && l.step <= to).map((l) => l.loss);
    if (!before || within.length === 0) return [];
    return [{ from, before: before.loss, most: Math.max(...within), end: within[within.length - 1] }];
  });
}

export function scoreOf(profile: HeadProfile, role: Role): number {
  return profile.stripes[role] ?? 0;
}

/** Each head's score at each state: [head][state]. */
export function formed(profiles: HeadProfile[][], role: Role): number[][] {
  const heads = profiles[0]?.length ?? 0;
  return Array.from({ length: heads }, (_, h) => profiles.map((of) => scoreOf(of[h], role)));
}

/** The head that is best at its role in the end. */
export function bestHead(scores: number[][]): number {
  const end = scores.map((s) => s.at(-1) ?? 0);
  return end.reduce((best, s, h) => (s > end[best] ? h : best), 0);
}

/** The two states between which a head's score rose most: the number of the later one. */
export function leap(scores: number[]): number {
  let best = Math.min(1, scores.length - 1);
  for (let i = 1; i < scores.length; i++) {
    if (scores[i] - scores[i - 1] > scores[best] - scores[best - 1]) best = i;
  }
  return best;
}

/** Updates after which a share is first reached, and stays reached; null where it never is. */
export function reached(curve: Curve, column: 'accuracy' | 'val_accuracy', share: number): number | null {
  let since: number | null = null;
  curve[column].forEach((v, i) => {
    if (v === null) return;
    if (v < share) since = null;
    else since ??= curve.step[i];
  });
  return since;
}

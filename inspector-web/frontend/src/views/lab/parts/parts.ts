/** One logit, or a difference of two, as the sum of what each part of the model adds: rows of a waterfall. Pure. */
import type { HeadEffects, Token } from '../../../api/types';
import { plural, short } from '../../../kit/text/format';
import { called } from '../../../kit/text/tokens';

type Part = HeadEffects['parts'][number];

/** A bar of the waterfall: from the sum before it to the sum after it. */
export interface Row {
  name: string;
  kind: Part['part'] | 'others';
  /** Circuit's name of the part, where it has one. */
  at: string | null;
  effect: number;
  from: number;
  to: number;
}

/** What a part is, in words. */
export function partName({ part, layer, head }: Part): string {
  const of = `layer ${layer}`;
  switch (part) {
    case 'embed':
      return 'the token’s embedding';
    case 'pos_embed':
      return 'the position’s embedding';
    case 'head':
      return `${of}, head ${head}`;
    case 'attn_rest':
      return `${of}, attention beside its heads`;
    case 'conv':
      return `${of}, convolution`;
    case 'ssm':
      return `${of}, recurrence`;
    case 'mlp':
      return `${of}, MLP`;
    case 'ple':
      return `${of}, the token’s own input`;
    case 'norm_bias':
      return 'biases of the final norm and the unembedding';
  }
}

const nodeOf = ({ part, layer, head }: Part): string | null =>
  part === 'head' ? `a${layer}.h${head}` : part === 'mlp' ? `m${layer}` : part === 'embed' ? 'input' : null;

/** Below this share of the largest effect a part is only rounding. */
const NOTHING = 1e-7;

/**
 * The parts as bars that begin where the one before ended; past `most` the weakest stand together in one,
 * and those that add nothing are no bars.
 *
 * @param by the largest first, or in the order in which the model makes them
 */
export function waterfall(
  parts: Part[],
  by: 'size' | 'flow',
  most: number,
): { rows: Row[]; others: number; all: number } {
  const largest = Math.max(...parts.map((p) => Math.abs(p.effect)), 0);
  const counted = parts.filter((p) => Math.abs(p.effect) > NOTHING * largest);
  const ranked = [...counted].sort((a, b) => Math.abs(b.effect) - Math.abs(a.effect));
  const shown = new Set(ranked.slice(0, ranked.length > most ? most - 1 : most));
  const rest = ranked.filter((p) => !shown.has(p));
  const order = by === 'size' ? ranked : counted;
  let sum = 0;
  const row = (name: string, kind: Row['kind'], at: string | null, effect: number): Row => {
    const from = sum;
    sum += effect;
    return { name, kind, at, effect, from, to: sum };
  };
  const rows = order.filter((p) => shown.has(p)).map((p) => row(partName(p), p.part, nodeOf(p), p.effect));
  if (rest.length > 0) {
    const together = rest.reduce((s, p) => s + p.effect, 0);
    rows.push(row(`${plural(rest.length, 'other part')} together`, 'others', null, together));
  }
  return { rows, others: rest.length, all: counted.length };
}

const capped = (e: HeadEffects): number => (e.softcap ? e.softcap * Math.tanh(e.sum / e.softcap) : e.sum);

/** What is asked of the server and what came of it: one logit, or two whose difference is taken. */
export interface Taken {
  /** The parts; of a difference with a capped model those of the first logit less those of the second. */
  parts: Part[];
  sum: number;
  /** What the sum comes to behind the cap. */
  expected: number;
  /** The model's own. */
  logit: number;
  softcap: number | null;
  finalScale: number;
}

/** @param second of a capped model, whose difference is one of two capped logits */
export function taken(first: HeadEffects, second: HeadEffects | null): Taken {
  const parts = second ? first.parts.map((p, i) => ({ ...p, effect: p.effect - second.parts[i].effect })) : first.parts;
  return {
    parts,
    sum: first.sum - (second?.sum ?? 0),
    expected: second ? capped(first) - capped(second) : capped(first),
    logit: first.logit - (second?.logit ?? 0),
    softcap: first.softcap ?? null,
    finalScale: first.final_scale,
  };
}

/** 'The logit of “·Mia” less that of “·Ben”'. */
export function ofWords(answer: Token, against: Token | null): string {
  return against ? `the logit of ${called(answer)} less that of ${called(against)}` : `the logit of ${called(answer)}`;
}

/** The finding: which part adds most, and which takes most away. */
export function partsTitle(t: Taken, answer: Token, against: Token | null): string {
  const best = t.parts.reduce<Part | null>((a, b) => (a && a.effect >= b.effect ? a : b), null);
  if (!best) return 'No part adds to the logit';
  const what = against ? `${called(answer)} rather than ${called(against)}` : `${called(answer)}`;
  if (best.effect <= 0) return `No part adds to ${what}`;
  const name = partName(best);
  return `${name.charAt(0).toUpperCase()}${name.slice(1)} adds most to ${what}: ${signed(best.effect)}`;
}

export const signed = (x: number): string => (x > 0 ? `+${short(x)}` : short(x));

export function partsSays(t: Taken): string[] {
  const out: string[] = [];
  const least = t.parts.reduce<Part | null>((a, b) => (a && a.effect <= b.effect ? a : b), null);
  if (least && least.effect < 0) out.push(`${partName(least)} takes most away: ${signed(least.effect)}`);
  const kinds: [string, Part['part'][]][] = [
    ['heads', ['head', 'attn_rest']],
    ['MLPs', ['mlp']],
    ['convolutions and recurrences', ['conv', 'ssm']],
    ['embeddings', ['embed', 'pos_embed', 'ple']],
    ['biases', ['norm_bias']],
  ];
  const sums = kinds.flatMap(([name, of]) => {
    const found = t.parts.filter((p) => of.includes(p.part) && p.effect !== 0);
    return found.length > 0 ? [`${name} ${signed(found.reduce((s, p) => s + p.effect, 0))}`] : [];
  });
  if (sums.length > 1) out.push(`together: ${sums.join(', ')}`);
  return out;
}

/** Whether the sum is the model's own number, in words. */
export function sumWords(t: Taken): string {
  const off = Math.abs(t.expected - t.logit);
  const cap = t.softcap ? `, ${short(t.expected)} behind the cap of ± ${short(t.softcap)}` : '';
  return `The parts sum to ${short(t.sum)}${cap}; the model’s own is ${short(t.logit)}, a difference of ${short(off)}.`;
}

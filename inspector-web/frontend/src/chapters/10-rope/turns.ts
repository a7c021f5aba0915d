/** RoPE's rotations as a reader sees them: pairs as hands of dials, their speeds, exchanged words. Pure. */
import type { PositionDistances, PositionSchemes, Token } from '../../api/types';
import { turn, type Pair } from '../../kit/data/math/rotation';

export type Scheme = PositionSchemes['schemes'][number];
export type Term = PositionDistances['pairs'][number];

/** A pair's hand when nothing is turned, and at a distance: its shadow on the flat axis is what it gives to the score. */
export function hands(term: Term, distance: number): { before: Pair; after: Pair } {
  const before = { x: term.cosine, y: term.sine };
  return { before, after: turn(before, term.frequency * distance) };
}

/** The score at a distance: all shadows and what does not turn. */
export function scoreAt(terms: Term[], rest: number, distance: number): number {
  return terms.reduce((sum, t) => sum + hands(t, distance).after.x, rest);
}

/** Evenly spaced indexes of pairs, as many as there is room for, with the first and the last. */
export function spread(count: number, most: number): number[] {
  if (count <= most) return Array.from({ length: count }, (_, i) => i);
  return Array.from({ length: most }, (_, i) => Math.round((i * (count - 1)) / (most - 1)));
}

/** The pair that gives most among the faster half, and that among the slower: both have something to show. */
export function fastAndSlow(terms: Term[]): [fast: number, slow: number] | null {
  if (terms.length < 2) return null;
  const half = Math.floor(terms.length / 2);
  const size = (i: number) => Math.hypot(terms[i].cosine, terms[i].sine);
  const largest = (from: number, to: number) => {
    let best = from;
    for (let i = from; i < to; i++) if (size(i) > size(best)) best = i;
    return best;
  };
  return [largest(0, Math.max(1, Math.floor(half / 2))), largest(half, terms.length)];
}

/** The scheme of a layer. */
export function schemeOf(schemes: PositionSchemes | null, layer: number): Scheme | null {
  return schemes?.schemes.find((s) => s.layers.includes(layer)) ?? null;
}

const SMALL = new Set(['the', 'and', 'was', 'had', 'her', 'his', 'she', 'they', 'there', 'once', 'upon']);

/** A whole word of some weight: no piece of one, and not one of the small words that stand everywhere. */
function weighty(tokens: Token[], i: number): boolean {
  const t = tokens[i];
  if (t.special) return false;
  if (t.bytes.length === 0) return true;
  const text = t.text.trim().toLowerCase();
  const begins = /^\s/.test(t.text) || i === 0 || tokens[i - 1].special;
  const ends = i + 1 >= tokens.length || !/^\p{L}/u.test(tokens[i + 1].text);
  return begins && ends && /^\p{L}{3,}$/u.test(text) && !SMALL.has(text);
}

/**
 * The prompt with two words exchanged: the first and the last of weight in its first sentence. Where it has no two, two
 * different tokens, as they are; null where all are the same.
 */
export function exchanged(
  tokens: Token[],
): { prompt: { prompt: string } | { tokens: number[] }; words: [number, number] } | null {
  const stop = tokens.findIndex((t, i) => i > 2 && /^[.!?]$/.test(t.text.trim()));
  const words = tokens.map((_, i) => i).filter((i) => (stop < 0 || i < stop) && weighty(tokens, i));
  const first = words[0];
  const last = words.findLast((i) => tokens[i].text.trim() !== tokens[first].text.trim());
  if (first === undefined || last === undefined) {
    const pieces = tokens.map((_, i) => i).filter((i) => !tokens[i].special);
    const other = pieces.findLast((i) => tokens[i].id !== tokens[pieces[0]].id);
    return other === undefined ? null : asIds(tokens, [pieces[0], other]);
  }
  if (tokens.every((t) => t.bytes.length === 0)) return asIds(tokens, [first, last]);
  const prompt = swappedTexts(tokens, [first, last])
    .filter((_, i) => !tokens[i].special)
    .join('');
  return { prompt: { prompt }, words: [first, last] };
}

function asIds(tokens: Token[], [a, b]: [number, number]) {
  const ids = tokens.map((t) => t.id);
  [ids[a], ids[b]] = [ids[b], ids[a]];
  return { prompt: { tokens: ids }, words: [a, b] as [number, number] };
}

/** The texts with two words exchanged; the space before each stays where it is. */
export function swappedTexts(tokens: Token[], [a, b]: [number, number]): string[] {
  const texts = tokens.map((t) => t.text);
  const word = (i: number) => tokens[i].text.trim();
  const space = (i: number) => /^\s*/.exec(tokens[i].text)![0];
  texts[a] = space(a) + word(b);
  texts[b] = space(b) + word(a);
  return texts;
}

/** Comparisons of embedding rows: norms, cosines, nearest pairs. Pure. */
import type { Token } from '../../api/types';
import { rowOf } from '../../kit/data/products';

/** Two tokens of the text and how alike their rows are. */
export interface Pair {
  /** Positions in the text. */
  a: number;
  b: number;
  cosine: number;
  /** The same word but for its case and the space before it: that ' The' lies near ' the' says little. */
  same: boolean;
}

export function norm(x: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < x.length; i++) sum += x[i] * x[i];
  return Math.sqrt(sum);
}

/** Cosine of the angle between two vectors; 0 where one of them has no length. */
export function cosine(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let [ab, aa, bb] = [0, 0, 0];
  for (let i = 0; i < a.length; i++) {
    ab += a[i] * b[i];
    aa += a[i] * a[i];
    bb += b[i] * b[i];
  }
  return aa === 0 || bb === 0 ? 0 : ab / Math.sqrt(aa * bb);
}

/** The first position of each token that `counts`, with every other such token, the most alike first. */
export function pairs(rows: Float32Array, width: number, tokens: Token[], counts: (t: Token) => boolean): Pair[] {
  const seen = new Set<number>();
  const firsts: number[] = [];
  tokens.forEach((t, i) => {
    if (!counts(t) || seen.has(t.id) || (i + 1) * width > rows.length) return;
    seen.add(t.id);
    firsts.push(i);
  });
  const all: Pair[] = [];
  for (let i = 0; i < firsts.length; i++) {
    for (let j = i + 1; j < firsts.length; j++) {
      const [a, b] = [firsts[i], firsts[j]];
      const same = plain(tokens[a]) !== '' && plain(tokens[a]) === plain(tokens[b]);
      all.push({ a, b, cosine: cosine(rowOf(rows, width, a), rowOf(rows, width, b)), same });
    }
  }
  return all.sort((x, y) => y.cosine - x.cosine);
}

const plain = (t: Token) => (t.bytes.length === 0 ? '' : t.text.trim().toLowerCase());

/** The token most alike to the one at this position, and how much. */
export function nearest(all: Pair[], to: number): { at: number; cosine: number } | null {
  const pair = all.find((p) => p.a === to || p.b === to);
  return pair ? { at: pair.a === to ? pair.b : pair.a, cosine: pair.cosine } : null;
}

/** The token at a right angle to the one at this position, or nearest to that: whose cosine is closest to 0. */
export function unlike(all: Pair[], to: number): number | null {
  const own = all.filter((p) => p.a === to || p.b === to);
  if (own.length < 2) return null;
  const { a, b } = own.reduce((x, y) => (Math.abs(y.cosine) < Math.abs(x.cosine) ? y : x));
  return a === to ? b : a;
}

/** Two rows' cosine as a sum over their places, those first that add most. */
export interface Agreement {
  /** Places in the order of what they add. */
  order: Int32Array;
  /** What they add, in that order. */
  terms: Float64Array;
  /** The sum so far after each of them; the last is the cosine. */
  sums: Float64Array;
  /** How many places add, and how far the sum climbs with them; the others take it back. */
  agreeing: number;
  top: number;
  cosine: number;
}

export function agreement(a: ArrayLike<number>, b: ArrayLike<number>): Agreement {
  const lengths = norm(a) * norm(b) || 1;
  const at = (i: number) => (a[i] * b[i]) / lengths;
  const order = Int32Array.from({ length: a.length }, (_, i) => i).sort((i, j) => at(j) - at(i) || i - j);
  const terms = Float64Array.from(order, at);
  let sum = 0;
  const sums = terms.map((t) => (sum += t));
  const agreeing = terms.filter((t) => t > 0).length;
  return { order, terms, sums, agreeing, top: agreeing > 0 ? sums[agreeing - 1] : 0, cosine: sum };
}

/**
 * What the guess is about: a word whose nearest is well ahead of its second nearest, which is not shown yet, and which
 * does not stand in the text in another case or without its space too.
 *
 * @param shown positions whose nearest the page has told already
 */
export function worthAsking(all: Pair[], shown: number[]): { at: number; nearest: number; cosine: number } | null {
  const inForms = new Set(all.filter((p) => p.same).flatMap((p) => [p.a, p.b]));
  const places = [...new Set(all.flatMap((p) => [p.a, p.b]))].filter((i) => !shown.includes(i) && !inForms.has(i));
  let best: { at: number; nearest: number; cosine: number; lead: number } | null = null;
  for (const at of places) {
    const [first, second] = all.filter((p) => p.a === at || p.b === at);
    if (!first || !second) continue;
    const lead = first.cosine - second.cosine;
    if (!best || lead > best.lead)
      best = { at, nearest: first.a === at ? first.b : first.a, cosine: first.cosine, lead };
  }
  return best && { at: best.at, nearest: best.nearest, cosine: best.cosine };
}

interface Point {
  x: number;
  y: number;
}

/** Where plus − minus + and lies in a plane: places in it are rows less their mean, so that differences add up as rows do. */
export const sumIn = (plus: Point, minus: Point, and: Point): Point => ({
  x: plus.x - minus.x + and.x,
  y: plus.y - minus.y + and.y,
});

/** Words as a person lists them: 'red, blue ball'. */
export function listed(text: string | null): string[] {
  return [...new Set((text ?? '').split(/[\s,;]+/).filter(Boolean))];
}

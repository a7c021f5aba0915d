/** Comparisons of embedding rows: norms, cosines, nearest pairs. Pure. */
import type { Token } from '../../api/types';
import { rowOf } from '../../kit/data/products';

/** Two tokens of the text and how alike their rows are. */
export interface Pair {
  /** Positions in the text. */
  a: number;
  b: number;
  cosine: number;
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
      // That 'The' lies near ' the' says little.
      if (plain(tokens[a]) !== '' && plain(tokens[a]) === plain(tokens[b])) continue;
      all.push({ a, b, cosine: cosine(rowOf(rows, width, a), rowOf(rows, width, b)) });
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

/**
 * What the guess is about: a word whose nearest is well ahead of its second nearest, and which is not shown yet.
 *
 * @param shown positions whose nearest the page has told already
 */
export function worthAsking(all: Pair[], shown: number[]): { at: number; nearest: number; cosine: number } | null {
  const places = [...new Set(all.flatMap((p) => [p.a, p.b]))].filter((i) => !shown.includes(i));
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

/** Words as a person lists them: 'red, blue ball'. */
export function listed(text: string | null): string[] {
  return [...new Set((text ?? '').split(/[\s,;]+/).filter(Boolean))];
}

import { describe, expect, it } from 'vitest';
import type { RunManifest, Token } from '../src/api/types';
import { distinct, mapOf, nearRows, repeated, waysOn } from '../src/chapters/02-embeddings/asks';
import { whyChosen } from '../src/chapters/02-embeddings/model';
import {
  agreement,
  cosine,
  listed,
  nearest,
  norm,
  pairs,
  sumIn,
  unlike,
  worthAsking,
} from '../src/chapters/02-embeddings/rows';

const token = (id: number, text: string): Token => ({
  id,
  text,
  bytes: [...new TextEncoder().encode(text)],
  special: false,
});
const text = [
  token(1, 'red'),
  token(2, ' blue'),
  token(3, '.'),
  token(2, ' blue'),
  token(4, ' Red'),
  token(5, ' ball'),
];
const rows = Float32Array.from([1, 0, 0.8, 0.6, 0, 1, 0.8, 0.6, 1, 0.01, -1, 0.2]);
const manifest = { id: 'r', prompt_length: 6, tokens: text, model: { n_layers: 2 } } as RunManifest;

describe('rows of a text', () => {
  it('are compared by angle and by length', () => {
    expect(cosine([3, 4], [4, 3])).toBeCloseTo(24 / 25, 12);
    expect(cosine([1, 0], [0, 0])).toBe(0);
    expect(norm([3, 4])).toBe(5);
  });

  const spoken = (t: Token) => /\p{L}/u.test(t.text);

  it('are paired once an id, the most alike first, and one word in two forms says that it is', () => {
    const all = pairs(rows, 2, text, spoken);
    expect(all).toHaveLength(6);
    expect(all.filter((p) => p.same).map((p) => [p.a, p.b])).toEqual([[0, 4]]);
    expect(all[0]).toMatchObject({ a: 0, b: 4, same: true });
    expect(all.map((p) => p.cosine)).toEqual(all.map((p) => p.cosine).sort((x, y) => y - x));
    expect(nearest(all, 0), 'its other form too').toMatchObject({ at: 4 });
    expect(nearest(all, 2)).toBeNull();
    expect(unlike(all, 1), 'of cosines 0.8, 0.81 and -0.67').toBe(5);
    expect(unlike([], 1)).toBeNull();
  });

  it('say why the pair is shown, and which two forms of one word are left out', () => {
    expect(whyChosen(text[1], text[5], null)).toMatch(
      / blue” and “·ball”|·blue” and “·ball” have the rows most alike\.$/,
    );
    expect(whyChosen(text[1], text[5], { a: text[0], b: text[4], cosine: 0.9 })).toMatch(
      /“red” and “·Red”, one word in two forms, are more alike still: 0\.9/,
    );
  });

  it('agree place by place: the sum climbs, falls, and ends at the cosine', () => {
    const [a, b] = [
      [3, -4, 1],
      [3, -1, -2],
    ];
    const is = agreement(a, b);
    expect([...is.order]).toEqual([0, 1, 2]); // 9, 4, -2
    expect(is.agreeing).toBe(2);
    expect(is.top).toBeCloseTo(13 / Math.sqrt(26 * 14), 12);
    expect(is.cosine).toBeCloseTo(cosine(a, b), 12);
    expect(is.sums[2]).toBe(is.cosine);
    expect(agreement([1, 0], [0, 0])).toMatchObject({ agreeing: 0, top: 0, cosine: 0 });
    expect(sumIn({ x: 3, y: 1 }, { x: 1, y: 1 }, { x: 0, y: 5 })).toEqual({ x: 2, y: 5 });
  });

  it('give a question whose answer is not shown yet, never of a word in two forms', () => {
    const more = [...text, token(6, ' kite'), token(7, ' hat')];
    const all = pairs(Float32Array.from([...rows, -0.9, 0.3, 0.1, -1]), 2, more, spoken);
    const asked = worthAsking(all, [1, 5]);
    expect([6, 7]).toContain(asked?.at);
    expect(asked?.nearest).toBe(nearest(all, asked!.at)?.at);
    expect(worthAsking([], [])).toBeNull();
  });

  it('of words that are typed', () => {
    expect(listed('cat, dog  horse;cat')).toEqual(['cat', 'dog', 'horse']);
    expect(listed(null)).toEqual([]);
  });
});

describe('what the server is asked', () => {
  it('is of each id once, and the same every time', () => {
    expect(distinct(manifest).map((t) => t.id)).toEqual([1, 2, 4, 5]);
    expect(nearRows([7]).body).toEqual({ of: { plus: [7] }, metric: 'cosine', top: 12 });
    expect(nearRows([7, 8], 'dot', [9]).body.of).toEqual({ plus: [7, 8], minus: [9] });
    expect(mapOf(Array.from({ length: 900 }, (_, i) => i)).body.ids.length).toBeLessThanOrEqual(500);
  });

  it('follows a token that stands twice, from its row to the last block', () => {
    const twice = repeated(manifest);
    expect(twice.map((t) => t.at)).toEqual([[1, 3]]);
    expect(waysOn([1, 2], manifest, [1, 3]).body.vectors).toHaveLength(6);
    expect(waysOn([1, 2], manifest, [1, 3]).body.vectors?.[2].hook).toBe('blocks.1.hook_resid_post');
  });
});

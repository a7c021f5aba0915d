import { describe, expect, it } from 'vitest';
import type { RunManifest, Token } from '../src/api/types';
import { distinct, mapOf, nearRows, repeated, waysOn } from '../src/chapters/02-embeddings/asks';
import { cosine, listed, nearest, norm, pairs, worthAsking } from '../src/chapters/02-embeddings/rows';

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

  it('are paired once an id, the most alike first, and never with the same word in another case', () => {
    const all = pairs(rows, 2, text, (t) => /\p{L}/u.test(t.text));
    expect(all.map((p) => [p.a, p.b])).not.toContainEqual([0, 4]);
    expect(all[0]).toMatchObject({ a: 1, b: 4 });
    expect(all.map((p) => p.cosine)).toEqual(all.map((p) => p.cosine).sort((x, y) => y - x));
    expect(nearest(all, 0)).toMatchObject({ at: 1 });
    expect(nearest(all, 2)).toBeNull();
  });

  it('give a question whose answer is not shown yet', () => {
    const all = pairs(rows, 2, text, (t) => /\p{L}/u.test(t.text));
    const asked = worthAsking(all, [all[0].a, all[0].b]);
    expect(asked && [all[0].a, all[0].b].includes(asked.at)).toBe(false);
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

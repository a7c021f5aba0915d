import { describe, expect, it } from 'vitest';
import { edges, isWhole, pan, pool, reveal, whole, zoom } from '../src/kit/data/pool';

const values = Float32Array.from({ length: 24 }, (_, i) => i);

describe('pooling', () => {
  it('keeps every value where a cell has a pixel', () => {
    const p = pool(values, 6, edges(0, 4, 100), edges(0, 6, 100), false);
    expect([p.rows, p.cols]).toEqual([4, 6]);
    expect([...p.values]).toEqual([...values]);
  });

  it('keeps the largest of each block, so that a single peak stays', () => {
    const flat = new Float32Array(1000 * 1000);
    flat[777 * 1000 + 333] = 5;
    const p = pool(flat, 1000, edges(0, 1000, 100), edges(0, 1000, 70), false);
    expect([p.rows, p.cols]).toEqual([100, 70]);
    expect(p.values.filter((v) => v === 5)).toHaveLength(1);
    expect(p.values[77 * 70 + 23]).toBe(5);
  });

  it('keeps of signed values the one farthest from zero, with its sign', () => {
    const signed = Float32Array.of(1, -3, 2, 0.5, NaN, -0.1);
    expect(pool(signed, 6, [0, 1], [0, 3, 6], true).values[0]).toBe(-3);
    expect(pool(signed, 6, [0, 1], [0, 3, 6], true).values[1]).toBe(0.5);
    expect(pool(signed, 6, [0, 1], [0, 6], false).values[0]).toBe(2);
  });

  it('does not see what does not exist', () => {
    const p = pool(values, 6, edges(0, 4, 2), edges(0, 6, 3), false, (row) => row + 1);
    // Rows 0 and 1: columns 0 and 1 exist; the later blocks do not.
    expect(p.values[0]).toBe(7);
    expect(p.values[1]).toBeNaN();
    expect(p.values[2]).toBeNaN();
    expect(p.values[4]).toBe(21);
  });
});

describe('edges', () => {
  it('cover what is seen with whole cells, each exactly once', () => {
    for (const [from, to, pixels] of [
      [0, 10, 3],
      [2.5, 7.2, 100],
      [0, 1000, 333],
      [5, 6, 0],
    ]) {
      const e = edges(from, to, pixels);
      expect(e[0]).toBe(Math.floor(from));
      expect(e.at(-1)).toBe(Math.ceil(to));
      for (let i = 1; i < e.length; i++) expect(e[i]).toBeGreaterThan(e[i - 1]);
      expect(e.length - 1).toBeLessThanOrEqual(Math.max(1, pixels));
    }
  });
});

describe('a view', () => {
  it('grows about the point that is held, inside the matrix', () => {
    const v = zoom(whole(100, 200), 100, 200, 2, 50, 25);
    expect(v).toEqual({ top: 12.5, bottom: 62.5, left: 25, right: 125 });
    expect(zoom(whole(100, 200), 100, 200, 2, 0, 100)).toEqual({ top: 50, bottom: 100, left: 0, right: 100 });
    expect(isWhole(zoom(v, 100, 200, 0.01, 50, 25), 100, 200)).toBe(true);
    const close = zoom(v, 100, 200, 1e9, 50, 25);
    expect([close.right - close.left, close.bottom - close.top]).toEqual([4, 4]);
    expect(zoom(whole(2, 3), 2, 3, 8, 1, 1)).toEqual(whole(2, 3));
  });

  it('moves no farther than the matrix goes', () => {
    const v = { top: 10, bottom: 20, left: 10, right: 30 };
    expect(pan(v, 100, 100, -50, 5)).toEqual({ top: 15, bottom: 25, left: 0, right: 20 });
    expect(reveal(v, 100, 100, 15, 15)).toEqual(v);
    expect(reveal(v, 100, 100, 25, 3)).toEqual({ top: 16, bottom: 26, left: 3, right: 23 });
  });
});

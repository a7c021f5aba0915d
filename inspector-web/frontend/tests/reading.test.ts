import { describe, expect, it } from 'vitest';
import { stepCell, stepOne } from '../src/kit/data/reading';
import { columnOf, dot, reach, rest, rowOf, transpose } from '../src/kit/data/products';

const key = (name: string, ctrlKey = false) => ({ key: name, ctrlKey });

describe('keys over a grid', () => {
  const causal = (row: number) => row + 1;
  it('move cell by cell and stop at the edges', () => {
    expect(stepCell({ row: 0, col: 0 }, key('ArrowRight'), 3, () => 4)).toEqual({ row: 0, col: 1 });
    expect(stepCell({ row: 0, col: 3 }, key('ArrowRight'), 3, () => 4)).toEqual({ row: 0, col: 3 });
    expect(stepCell({ row: 2, col: 0 }, key('ArrowDown'), 3, () => 4)).toEqual({ row: 2, col: 0 });
    expect(stepCell({ row: 1, col: 1 }, key('x'), 3, () => 4)).toBeNull();
  });
  it('stay where values exist', () => {
    expect(stepCell({ row: 2, col: 2 }, key('ArrowUp'), 3, causal)).toEqual({ row: 1, col: 1 });
    expect(stepCell({ row: 5, col: 0 }, key('End'), 9, causal)).toEqual({ row: 5, col: 5 });
    expect(stepCell({ row: 5, col: 3 }, key('Home', true), 9, causal)).toEqual({ row: 0, col: 0 });
    expect(stepCell({ row: 0, col: 0 }, key('End', true), 9, causal)).toEqual({ row: 8, col: 8 });
  });
});

describe('keys over a row', () => {
  it('begin at its ends and move along it', () => {
    expect(stepOne(null, key('ArrowRight'), 5)).toBe(0);
    expect(stepOne(null, key('ArrowLeft'), 5)).toBe(4);
    expect(stepOne(null, key('Home'), 5)).toBe(0);
    expect(stepOne(null, key('End'), 5)).toBe(4);
    expect(stepOne(2, key('ArrowDown'), 5)).toBe(3);
    expect(stepOne(2, key('PageDown'), 5)).toBe(4);
    expect(stepOne(2, key('Tab'), 5)).toBeNull();
    expect(stepOne(null, key('ArrowRight'), 0)).toBeNull();
  });
});

describe('a dot product written out', () => {
  const a = Float32Array.of(1, -2, 3, 0.5);
  const b = Float32Array.of(2, 4, -1, 8);
  it('has its largest terms first and adds up', () => {
    const sum = dot(a, b);
    expect(sum.terms.map((t) => t.product)).toEqual([-8, 4, -3, 2]);
    expect(sum.terms.map((t) => t.index)).toEqual([1, 3, 2, 0]);
    expect(sum.total).toBe(-5);
    expect(rest(sum, 2)).toBe(-1);
    expect(rest(sum, 9)).toBe(0);
    expect(() => dot(a, [1])).toThrow('4 and 1');
  });
  it('takes rows and columns of matrices', () => {
    const m = Float32Array.of(1, 2, 3, 4, 5, 6);
    expect([...(rowOf(m, 3, 1) as Float32Array)]).toEqual([4, 5, 6]);
    expect([...columnOf(m, 2, 3, 1)]).toEqual([2, 5]);
    expect([...transpose(m, 2, 3)]).toEqual([1, 4, 2, 5, 3, 6]);
    expect(reach([1, -7, NaN, 3, -Infinity])).toBe(7);
  });
});

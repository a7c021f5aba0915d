import { describe, expect, it } from 'vitest';
import type { DecoderSpec, FeedForward } from '../src/api/types';
import { loads, mixtures, surest } from '../src/chapters/04-feed-forward/experts';
import { around, columns, strongestInputs, type Meeting } from '../src/chapters/04-feed-forward/meeting';
import { heaviest, needed, strongest } from '../src/chapters/04-feed-forward/parts';

const part = (layer: number, ratio: number, ...shares: number[]): FeedForward =>
  ({
    layer,
    ratio,
    strongest: shares.map((share, i) => ({
      neuron: 10 * i + layer,
      activation: 1,
      output_norm: 1,
      strength: 1,
      share,
    })),
  }) as unknown as FeedForward;

describe('feed-forward parts', () => {
  it('the one that adds most beside its stream is found, the first of two alike', () => {
    expect(heaviest([part(0, 0.2), part(1, 0.9), part(2, 0.9)])?.layer).toBe(1);
    expect(heaviest([])).toBeNull();
  });

  it('says how many neurons make a share, and names the strongest', () => {
    const p = part(3, 1, 0.3, 0.49, 0.5, 0.8);
    expect(needed(p, 0.5)).toBe(3);
    expect(needed(p, 0.95), 'all that are known').toBe(4);
    expect(strongest(p, 2)).toEqual([3, 13]);
  });
});

describe('the window of a product', () => {
  const meeting: Meeting = {
    layer: 0,
    first: 2,
    count: 2,
    reads: Float32Array.from([1, -2, 0.5, 3, 1, -1]), // [2, 3]
    rows: Float32Array.from([0.5, 1, 2, -1, 0, 4]), // [2, 3]
    bias: new Float32Array(2),
    sums: new Float32Array(4),
    positions: 2,
    dModel: 3,
  };

  it('holds the neuron, and never leaves the neurons', () => {
    for (const neuron of [0, 5, 40, 99]) {
      const [first, count] = around(neuron, 100);
      expect(first).toBeGreaterThanOrEqual(0);
      expect(first + count).toBeLessThanOrEqual(100);
      expect(neuron >= first && neuron < first + count).toBe(true);
    }
    expect(around(3, 8)).toEqual([0, 8]);
  });

  it('orders inputs by their products with the neuron’s row', () => {
    expect(strongestInputs(meeting, 0, 2, 3)).toEqual([1, 2, 0]); // 0.5, -2, 1
    expect(strongestInputs(meeting, 1, 3, 2)).toEqual([2, 0]); // -3, 0, -4
  });

  it('takes columns', () => {
    expect([...columns(meeting.rows, 3, [2, 0])]).toEqual([2, 0.5, 4, -1]);
  });
});

describe('a mixture of experts', () => {
  it('is told layer by layer', () => {
    const experts = { count: 4, active: 2, renormalised: true, shared_gate: false };
    const layers = [{ mlp: {} }, { mlp: { experts } }, { mlp: { experts } }];
    expect(mixtures({ layers } as unknown as DecoderSpec)).toEqual([1, 2]);
  });

  it('counts the tokens of each expert, not their weights', () => {
    expect(loads(Float32Array.from([0, 0.9, 0.1, 0, 0.5, 0.5]), 3)).toEqual([0, 2, 2]);
  });

  it('shows the layer whose router is surest, the first of two alike', () => {
    const shares = [
      [0.5, 0.5],
      [0.2, 0.8],
      [0.8, 0.2],
    ].map((s) => Float64Array.from(s));
    expect(surest({ pos: 0, layers: [1, 3, 4], gates: [], shares })).toEqual({ layer: 3, expert: 1, share: 0.8 });
    expect(surest({ pos: 0, layers: [], gates: [], shares: [] })).toBeNull();
  });
});

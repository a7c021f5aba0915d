import { describe, expect, it } from 'vitest';
import type { FeedForward } from '../src/api/types';
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

import { describe, expect, it } from 'vitest';
import {
  farthest,
  firstVisible,
  heaviest,
  matches,
  mixed,
  norm,
  sharedHead,
  sinkShare,
} from '../src/chapters/08-attention-qkv/reading';

const f = (...x: number[]) => Float32Array.from(x);

describe('one query against the keys', () => {
  const keys = f(1, 0, 0, 2, 3, 3);

  it('scales, caps and leaves what comes later out', () => {
    const all = matches(1, f(2, 1), keys, f(1, 0.5, -Infinity), f(0.6, 0.4, 0), {
      scale: 0.5,
      softcap: 2,
      window: null,
      sinks: false,
    });
    expect(all.map((m) => m.key)).toEqual([0, 1]);
    expect(all[0]).toMatchObject({ dot: 2, scaled: 1, score: 1, weight: Math.fround(0.6) });
    expect(all[0].capped).toBeCloseTo(2 * Math.tanh(0.5), 12);
    const plain = matches(2, f(2, 1), keys, f(1, 1, 4.5), f(0, 0, 1), {
      scale: 0.5,
      softcap: null,
      window: null,
      sinks: false,
    });
    expect(plain[2].capped).toBe(4.5);
  });

  it('lists the heaviest keys, and none that is masked', () => {
    expect(heaviest(f(0.1, 0.5, 0, 0.4), 3, 9)).toEqual([1, 3, 0]);
    expect(heaviest(f(0.1, 0.5, 0.4), 1, 1)).toEqual([1]);
    expect(firstVisible(9, 4)).toBe(6);
    expect(firstVisible(2, 4)).toBe(0);
    expect(firstVisible(2, null)).toBe(0);
  });

  it('leaves to the sink what the keys’ shares fall short of 1 by', () => {
    expect(sinkShare(f(0.5, 0.25))).toBe(0.25);
    expect(sinkShare(f(0.6, 0.4))).toBeCloseTo(0, 6);
    expect(sinkShare(f(1, 2 ** -23))).toBe(0);
  });

  it('mixes the values by their weights', () => {
    const z = mixed(f(0.25, 0.75, 0.9), keys, 2, 1);
    expect([...z]).toEqual([0.25, 1.5]);
    expect(norm(f(3, 4))).toBe(5);
    expect(farthest(f(1, 2), f(1, 2.5))).toBe(0.5);
  });

  it('shares key heads among query heads', () => {
    const model = { n_heads: 6, n_kv_heads: 2 };
    expect([0, 1, 2, 3, 4, 5].map((h) => sharedHead(model, h))).toEqual([0, 0, 0, 1, 1, 1]);
  });
});

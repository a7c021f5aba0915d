import { describe, expect, it } from 'vitest';
import { byRank, entropy, filter, greedy, softmax, total, type Sampling } from '../src/kit/data/math/distribution';

const ALL: Sampling = { temperature: 1, topK: 0, topP: 1, minP: 0 };
/** Logits whose probabilities are easy: 0.5, 0.25, 0.125, 0.125. */
const logits = Float32Array.from([Math.log(0.125), Math.log(0.5), Math.log(0.125), Math.log(0.25)]);
const ranking = byRank(logits);

describe('the distribution', () => {
  it('adds to one over the whole vocabulary, however large the logits', () => {
    const p = softmax(Float32Array.from([1000, 999, -1000]));
    expect(total(p)).toBeCloseTo(1, 12);
    expect(p[0]).toBeCloseTo(1 / (1 + Math.exp(-1)), 12);
  });

  it('ranks ids and keeps their order where logits are equal', () => {
    expect([...ranking]).toEqual([1, 3, 0, 2]);
  });

  it('has the entropy of a fair coin and of certainty', () => {
    expect(entropy(Float64Array.from([0.5, 0.5]))).toBeCloseTo(Math.log(2), 12);
    expect(entropy(Float64Array.from([1, 0]))).toBe(0);
  });
});

describe('the filters', () => {
  it('keep everything when they are off', () => {
    const f = filter(logits, ranking, ALL);
    expect(f.kept).toBe(4);
    expect([...f.prob]).toEqual([...softmax(logits)].map((p) => expect.closeTo(p, 12)));
  });

  it('sharpen with a low temperature', () => {
    expect(filter(logits, ranking, { ...ALL, temperature: 0.5 }).prob[1]).toBeCloseTo(
      0.25 / (0.25 + 0.0625 + 2 / 64),
      6,
    );
  });

  it('keep the first k', () => {
    const f = filter(logits, ranking, { ...ALL, topK: 2 });
    expect(f.kept).toBe(2);
    expect(f.prob[1]).toBeCloseTo(2 / 3, 6);
    expect(f.prob[0]).toBe(0);
  });

  it('keep the smallest set that reaches p, and always one', () => {
    expect(filter(logits, ranking, { ...ALL, topP: 0.6 }).kept).toBe(2);
    expect(filter(logits, ranking, { ...ALL, topP: 0.76 }).kept).toBe(3);
    expect(filter(logits, ranking, { ...ALL, topP: 0.0001 }).kept).toBe(1);
  });

  it('keep what is at least min-p times as probable as the best', () => {
    expect(filter(logits, ranking, { ...ALL, minP: 0.4 }).kept).toBe(2);
    expect(filter(logits, ranking, { ...ALL, minP: 1 }).kept).toBe(1);
  });

  it('work one after the other: top-p counts what top-k left', () => {
    // Of 0.5 and 0.25, renormalised to 2/3 and 1/3, the first alone reaches 0.6.
    expect(filter(logits, ranking, { ...ALL, topK: 2, topP: 0.6 }).kept).toBe(1);
  });

  it('leave probabilities that add to one', () => {
    for (const s of [ALL, { temperature: 1.7, topK: 3, topP: 0.9, minP: 0.05 }]) {
      expect(total(filter(logits, ranking, s).prob)).toBeCloseTo(1, 12);
    }
    expect([...greedy(ranking).prob]).toEqual([0, 1, 0, 0]);
  });
});

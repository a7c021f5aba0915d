import { describe, expect, it } from 'vitest';
import { counted, family, gainer, penalised, reranked, rest, steps } from '../src/chapters/05-logits-sampling/steps';
import { byRank, softmax } from '../src/kit/data/math/distribution';

const f = (...x: number[]) => Float32Array.from(x);
const all = { temperature: 1, topK: 0, topP: 1, minP: 0, greedy: false };

describe('from scores to a pick', () => {
  const logits = f(2, 0, 1, -3);

  it('a penalty divides what is above 0 and multiplies what is below, once per token', () => {
    const none = { repeat: 1, presence: 0, frequency: 0 };
    expect([...penalised(logits, [0, 0, 3, 99], 4, { ...none, repeat: 2 })]).toEqual([1, 0, 1, -6]);
    expect(penalised(logits, [0], 1, none), 'nothing to do').toBe(logits);
    expect([...logits], 'the model’s own stay').toEqual([2, 0, 1, -3]);
  });

  it('presence and frequency count what was written, not what was read', () => {
    const p = { repeat: 1, presence: 0.5, frequency: 0.25 };
    expect([...penalised(logits, [0, 1, 2, 2, 99], 2, p)]).toEqual([2, 0, 0, -3]);
    expect([...penalised(logits, [0, 0], 0, { ...p, repeat: 2 })]).toEqual([0, 0, 1, -3]);
  });

  it('ranks anew what moved, as a whole sort would', () => {
    const many = Float32Array.from({ length: 500 }, (_, i) => Math.sin(i * 12.9898) * 3);
    const seen = [3, 77, 77, 120, 499, 600, 8];
    const scores = penalised(many, seen, 1, { repeat: 1.7, presence: 1, frequency: 0.3 });
    expect([...reranked(byRank(many), scores, seen)]).toEqual([...byRank(scores)]);
    expect(reranked(byRank(many), many, [600]), 'none of its own').toEqual(byRank(many));
  });

  it('keeps the model’s shares beside those at a temperature and after the cuts', () => {
    const s = steps({ logits, model: softmax(logits) }, logits, byRank(logits), { ...all, temperature: 0.5, topK: 2 });
    expect(s.model[0]).toBeCloseTo(softmax(logits)[0], 12);
    expect(s.warm[0] / s.warm[2]).toBeCloseTo(Math.exp(2), 9);
    expect(s.left.kept).toBe(2);
    expect(s.left.prob[0] + s.left.prob[2]).toBeCloseTo(1, 12);
    expect(
      steps({ logits, model: softmax(logits) }, logits, byRank(logits), { ...all, greedy: true }).left.prob[0],
    ).toBe(1);
  });

  it('finds whom heat gives most, and what the shown leave over', () => {
    expect(gainer(logits, byRank(logits), 2)).toBe(1);
    expect(gainer(f(5, 4, -9), [0, 1], 2), 'among those that are asked about').toBe(1);
    expect(gainer(logits, [], 2)).toBeNull();
    expect(rest(softmax(f(0, 0, 0, 0)), [0, 2])).toBeCloseTo(0.5, 12);
  });
});

it('counts draws, the most frequent first', () => {
  const t = (id: number) => ({ id, text: `t${id}` });
  expect(counted([t(3), t(1), t(3), t(2)])).toEqual([
    { ...t(3), times: 2 },
    { ...t(1), times: 1 },
    { ...t(2), times: 1 },
  ]);
});

describe('branches', () => {
  const b = (id: string, from: string, at: number) => ({ id, from, at });
  const told = (list: ReturnType<typeof family>) => list.map((x) => `${'·'.repeat(x.depth)}${x.branch.id}`);

  it('stand under what they left, the earlier first', () => {
    expect(told(family('t', [b('late', 't', 9), b('early', 't', 5), b('child', 'late', 12)]))).toEqual([
      'early',
      'late',
      '·child',
    ]);
  });

  it('whose parent is gone hang on the trunk, and circles end', () => {
    expect(told(family('t', [b('lost', 'gone', 5)]))).toEqual(['lost']);
    expect(told(family('t', [b('x', 'y', 1), b('y', 'x', 1)]))).toEqual([]);
  });
});

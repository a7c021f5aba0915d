import { describe, expect, it } from 'vitest';
import { overCorpus, score } from '../src/chapters/09-multi-head/heads';
import { bandsOf, gained, settles } from '../src/kit/figure/corpus';
import { callRecipe } from '../src/kit/figure/recipes';
import { corpusSaid, headsEvidence, lossEvidence, unitEvidence } from '../src/state/evidence';

const from = {
  sweep: 's',
  corpus: 'mine.txt',
  engine: 'torch',
  precision: 'fp32' as const,
  documents: 3,
  tokens: 1200,
  window: 128,
};

describe('what a corpus says', () => {
  it('names the texts, and how they were read where that is not the usual way', () => {
    expect(corpusSaid(from)).toBe('1,200 tokens of 3 documents of mine.txt');
    expect(corpusSaid({ ...from, engine: 'onnx', precision: 'int8' })).toBe(
      '1,200 tokens of 3 documents of mine.txt (read in int8 by onnx)',
    );
  });

  it('can be asked from Python', () => {
    for (const ask of [unitEvidence('R1', 'blocks.0.mlp.hook_post', 3), headsEvidence('R1'), lossEvidence('R1')])
      expect(callRecipe(ask.path, ask.body, 'http://h:1').python).toContain('run="R1"');
  });

  it('compares the ends of a window in the direction that the numbers have', () => {
    const falling = Array.from({ length: 20 }, (_, i) => 20 - i);
    const counts = falling.map(() => 3);
    expect(gained({ positions: falling, counts })).toContain('less than the first 8');
    expect(gained({ positions: [...falling].reverse(), counts })).toContain('more than the first 8');
    expect(gained({ positions: [null, 1, 2, 3], counts })).toBeNull();
  });

  it('weighs the positions of a band by their tokens', () => {
    const loss = { positions: [null, 4, 1, ...Array(13).fill(2)], counts: [0, 1, 3, ...Array(13).fill(1)] };
    expect(bandsOf(loss)).toEqual([
      { x: 3.5, y: (4 + 3 + 10) / 9 },
      { x: 11.5, y: 2 },
    ]);
    expect(bandsOf({ positions: [null], counts: [0] })).toEqual([]);
  });

  it('says at which layer most answers stand', () => {
    expect(settles([0.1, 0.4, 0.6, 1])).toContain('layer 2 is the first');
    expect(settles([0.9, 1])).not.toContain('After layer 0');
    expect(settles([0.1, 0.2, 1])).toContain('Only the end');
  });

  it('scores heads by their numbers, and none without a query', () => {
    const role = (a: number | null, b: number | null) => [a, b];
    const heads = overCorpus([
      {
        layer: 3,
        roles: {
          previous_token: role(0.7, null),
          first_token: role(0.2, null),
          self: role(0.1, null),
          induction: role(null, null),
          entropy: role(1.5, null),
        },
      },
    ]);
    expect(heads).toHaveLength(2);
    expect(heads[0]).toMatchObject({ layer: 3, head: 0, stripes: { previous: 0.7, first: 0.2 }, entropy: 1.5 });
    expect(heads[1]).toBeUndefined();
    expect(score(heads[0], undefined, 'previous')).toBe(0.7);
    expect(score(heads[0], undefined, 'induction')).toBeNull();
    expect(score(heads[1], undefined, 'previous')).toBeNull();
  });
});

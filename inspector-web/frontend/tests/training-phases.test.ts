import { describe, expect, it } from 'vitest';
import type { Checkpoint, Curve, HeadProfile, RunManifest } from '../src/api/types';
import { checkpointsOf, curveOf, runOf } from '../src/chapters/12-training-phases/asks';
import {
  bestHead,
  firstRight,
  formed,
  halfway,
  laterStages,
  leap,
  reached,
  statesOf,
  whose,
} from '../src/chapters/12-training-phases/life';
import { moments, namedAnew, recipeOf } from '../src/chapters/12-training-phases/own';
import { heightAt, nearestStop } from '../src/kit/figure/curve';

const curve: Curve = {
  model: 'm',
  midtraining: [],
  step: [0, 1, 2, 3, 4],
  tokens: [0, 8, 16, 24, 32],
  lr: [null, 0.1, 0.1, 0.1, 0.1],
  loss: [null, 7, 4.5, 2, 1.5],
  val_loss: [8, null, 5, null, 2],
  grad_norm: [null, 1, 1, 1, 1],
  accuracy: [null, 0.5, 1, 1, 1],
  val_accuracy: [0, null, 0.95, 0.4, 0.95],
};
const kept: Checkpoint[] = [
  { slug: 'm@0', step: 0, tokens: 0 },
  { slug: 'm@2', step: 2, tokens: 16 },
  { slug: 'm@4', step: 4, tokens: 32 },
];
const states = statesOf('m', kept, curve);
const says = (id: number) => ({ generation: { steps: [{ token: { id } }] } }) as unknown as RunManifest;
const head = (previous: number, induction?: number) => ({ stripes: { previous, induction } }) as unknown as HeadProfile;

describe('a model’s life', () => {
  it('ends with the finished model, once', () => {
    expect(states).toEqual([
      { slug: 'm@0', step: 0, tokens: 0 },
      { slug: 'm@2', step: 2, tokens: 16 },
      { slug: 'm', step: 4, tokens: 32 },
    ]);
    expect(whose('m@2')).toBe('m');
    expect(whose('a@b')).toBe('a@b');
  });

  it('has a first state that says what is said in the end, once every state has spoken', () => {
    expect(firstRight(states, { 'm@0': says(3), m: says(5) })).toBeNull();
    expect(firstRight(states, { 'm@0': says(3), 'm@2': says(5), m: says(5) })).toBe(2);
    expect(firstRight(states, { 'm@0': says(5), 'm@2': says(4), m: says(5) })).toBe(0);
    expect(firstRight(states, { 'm@0': says(1), 'm@2': says(2), m: says(5) })).toBe(4);
  });

  it('tells later stages by the looks at held-out text around and in them', () => {
    expect(laterStages(curve)).toEqual([]);
    const staged = { ...curve, val_loss: [8, null, 5, 6, 4] };
    expect(laterStages({ ...staged, midtraining: [2] })).toEqual([{ from: 2, before: 5, most: 6, end: 4 }]);
    expect(laterStages({ ...staged, midtraining: [1, 3] })).toEqual([
      { from: 1, before: 8, most: 6, end: 6 },
      { from: 3, before: 6, most: 4, end: 4 },
    ]);
    expect(laterStages({ ...staged, midtraining: [4] })).toEqual([]);
    expect(laterStages({ ...staged, midtraining: [2], val_loss: [null, null, null, 6, 4] })).toEqual([]);
  });

  it('knows when half of the fall was done, and where a share stays reached', () => {
    expect(halfway(curve)).toBe(2);
    expect(halfway({ ...curve, loss: [null, 9, 9, 9, 9], val_loss: [8, null, null, null, 9] })).toBeNull();
    expect(reached(curve, 'accuracy', 0.99)).toBe(2);
    expect(reached(curve, 'val_accuracy', 0.9)).toBe(4);
    expect(reached(curve, 'val_accuracy', 0.99)).toBeNull();
  });

  it('has heads that form between two states', () => {
    const scores = formed(
      [
        [head(0.1), head(0.2)],
        [head(0.2), head(0.9)],
        [head(0.3), head(0.8)],
      ],
      'previous',
    );
    expect(scores).toEqual([
      [0.1, 0.2, 0.3],
      [0.2, 0.9, 0.8],
    ]);
    expect(bestHead(scores)).toBe(1);
    expect(leap(scores[1])).toBe(1);
    expect(formed([[head(1)]], 'induction')).toEqual([[0]]);
  });
});

describe('a curve that is walked along', () => {
  it('is as high as its held-out examples, or as what was learnt from', () => {
    expect(heightAt(curve, 'loss', 2)).toBe(5);
    expect(heightAt(curve, 'loss', 3)).toBe(2);
    expect(heightAt(curve, 'loss', 9)).toBeNull();
    expect(heightAt(curve, 'accuracy', 3)).toBe(0.4);
  });

  it('has its nearest stop as the eye sees it', () => {
    expect(nearestStop([1, 10, 1000], 90, true)).toBe(1);
    expect(nearestStop([1, 10, 1000], 110, true)).toBe(2);
    expect(nearestStop([1, 10, 1000], 400, false)).toBe(1);
  });
});

describe('what is asked', () => {
  it('names states as models, and the same tokens for each', () => {
    const m = { prompt_length: 1, tokens: [{ id: 7 }, { id: 9 }] } as unknown as RunManifest;
    expect(runOf(m, 'm@2').body).toMatchObject({ model: 'm@2', tokens: [7] });
    expect(checkpointsOf('a b').path).toBe('/models/a%20b/checkpoints');
    expect(curveOf('m').path).toContain('/models/m/curve?points=');
  });
});

describe('a model of one’s own', () => {
  it('has a free name, and states at doubling moments', () => {
    expect(namedAnew(['mine-1', 'mine-3'])).toBe('mine-2');
    expect(moments(60)).toEqual([0, 8, 16, 32]);
    const settings = { name: 'mine-1', size: 'tiny' as const, steps: 60, rate: 3e-3, seed: 4, tokenizer: 'm' };
    expect(recipeOf('stories', settings)).toMatchObject({
      task: 'pretrain',
      tokenizer: 'm',
      seed: 4,
      steps: 60,
      learning_rate: 3e-3,
    });
    expect(recipeOf('sums', settings)).toMatchObject({ task: 'modular_addition', modulus: 23 });
  });
});

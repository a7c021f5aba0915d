import { describe, expect, it } from 'vitest';
import type { Curve } from '../src/api/types';
import { curveRecipe, curveTable, hasAccuracy, points } from '../src/kit/figure/curve';

const curve: Curve = {
  model: 'm',
  midtraining: [],
  step: [0, 1, 2],
  tokens: [0, 8, 16],
  lr: [null, 0.1, 0.2],
  loss: [null, 3, 2],
  val_loss: [4, null, 2.5],
  grad_norm: [null, 1, 1],
  accuracy: [null, null, null],
  val_accuracy: [null, null, null],
};

describe('a training curve', () => {
  it('has points only where something was measured', () => {
    expect(points(curve, 'loss').map((p) => p.step)).toEqual([1, 2]);
    expect(points(curve, 'val_loss')).toEqual([
      { step: 0, tokens: 0, value: 4 },
      { step: 2, tokens: 16, value: 2.5 },
    ]);
    expect(hasAccuracy(curve)).toBe(false);
    expect(hasAccuracy({ ...curve, val_accuracy: [0, null, null] })).toBe(true);
  });

  it('is a table of the looks at held-out text and of the kept states', () => {
    expect(curveTable(curve, []).rows.map((r) => r[0])).toEqual([0, 2]);
    expect(curveTable(curve, [{ slug: 'm@1', step: 1 }]).rows.map((r) => r[0])).toEqual([0, 1, 2]);
  });

  it('says how to get it', () => {
    expect(curveRecipe('a@2', false, 'http://h').curl).toBe("curl 'http://h/api/v1/models/a%402/curve'");
  });
});

import { describe, expect, it } from 'vitest';
import type { Neuron } from '../src/api/types';
import { bendSaid, termsSaid } from '../src/chapters/03-neuron/model';
import {
  BENDS,
  comesOf,
  curveOf,
  domainOf,
  fewOf,
  partName,
  strongest,
  weightsOf,
  withWeight,
  type What,
} from '../src/chapters/03-neuron/neuron';

const sum = (z: number, inputs: [feature: number, value: number, weight: number][]) => ({
  z,
  bias: 0,
  inputs: inputs.map(([feature, value, weight]) => ({ feature, value, weight, contribution: value * weight })),
  others: 0,
  sources: [],
  constant: 0,
});
const STILL: What = { input: null, value: null, weights: null, z: null, function: 'own' };
const plain = {
  function: 'relu',
  gated: false,
  activation: 2,
  post: 2,
  sums: [{ hook: 'blocks.0.mlp.hook_pre', sum: sum(2, [[3, 4, 0.5]]) }],
} as unknown as Neuron;
const gated = {
  ...plain,
  gated: true,
  post: 6,
  sums: [plain.sums[0], { hook: 'blocks.0.mlp.hook_pre_linear', sum: sum(3, [[3, 4, -1]]) }],
} as unknown as Neuron;

describe('a neuron’s functions', () => {
  it('are the ones that models compute with', () => {
    expect(BENDS.gelu(1)).toBeCloseTo(0.8413447, 6);
    expect(BENDS.gelu(-1)).toBeCloseTo(-0.1586553, 6);
    expect(BENDS.gelu_tanh(1)).toBeCloseTo(0.841192, 6);
    expect(BENDS.gelu_quick(1)).toBeCloseTo(0.8457958, 6);
    expect(BENDS.silu(1)).toBeCloseTo(0.7310586, 6);
    const curve = { above: 0.5, below: 0.75, beta: 0.25, eps: -1e-6 };
    const xielu = curveOf({ ...plain, function: 'xielu', curve } as Neuron, 'xielu');
    expect(xielu(2)).toBeCloseTo(2.5, 12);
    expect(xielu(-2)).toBeCloseTo(0.75 * (Math.exp(-2) - 1 + 2) - 0.5, 12);
    expect([BENDS.relu(-3), BENDS.relu(3), BENDS.relu_squared(3), BENDS.none(-3)]).toEqual([0, 3, 9, -3]);
  });
});

describe('what would come of it', () => {
  it('is the model’s own while nothing is asked', () => {
    expect(comesOf(plain, STILL)).toEqual({ sums: [2], activation: 2, post: 2, changed: false });
    expect(comesOf(gated, STILL)).toMatchObject({ sums: [2, 3], post: 6, changed: false });
  });

  it('follows an input by its weight, in both sums of a gated neuron', () => {
    expect(comesOf(plain, { ...STILL, input: 3, value: 6 })).toMatchObject({ sums: [3], post: 3, changed: true });
    expect(comesOf(gated, { ...STILL, input: 3, value: 6 })).toMatchObject({ sums: [3, 1], post: 3 });
    expect(comesOf(plain, { ...STILL, input: 9, value: 6 }).changed).toBe(false);
  });

  it('follows a dragged sum, and another function', () => {
    expect(comesOf(gated, { ...STILL, z: -1 })).toMatchObject({ sums: [-1, 3], activation: 0, post: 0 });
    expect(comesOf(plain, { ...STILL, z: -1, function: 'none' }).post).toBe(-1);
    expect(comesOf(plain, { ...STILL, function: 'silu' }).post).toBeCloseTo(2 * 0.8807971, 6);
  });
});

describe('a neuron in small', () => {
  const wide = {
    ...plain,
    sums: [
      {
        hook: 'h',
        sum: {
          ...sum(2, [
            [5, 2, 0.5],
            [3, -1, 0.6],
            [9, 4, 0.1],
            [1, 1, 0.2],
          ]),
          z: 1.2,
        },
      },
    ],
  } as unknown as Neuron;

  it('reads weights from the address, and writes only those that were moved', () => {
    expect(weightsOf('0.5,,-1')).toEqual([0.5, null, -1]);
    expect(weightsOf('x')).toEqual([null, null, null]);
    expect(withWeight(null, 1, 0.25)).toBe(',0.25,');
    expect(withWeight(',0.25,', 1, null)).toBeNull();
  });

  it('sums what is drawn and all others to the model’s own sum, and follows a weight that is moved', () => {
    const own = fewOf(wide, null);
    expect(own.few.reduce((z, i) => z + i.value * i.weight, own.others)).toBeCloseTo(1.2, 12);
    expect(own.others).toBeCloseTo(0.4, 12);
    const moved = comesOf(wide, { ...STILL, weights: '1,,' });
    expect(moved.sums[0]).toBeCloseTo(2.2, 12);
    expect(moved).toMatchObject({ changed: true });
    expect(comesOf(gated, { ...STILL, weights: '1,,' }), 'the second sum has its own weights').toMatchObject({
      sums: [4, 3],
    });
  });

  it('says what its largest products make, and whether few or many decide', () => {
    const of = (values: number[]) =>
      sum(
        values.reduce((a, b) => a + b, 0),
        values.map((v, i): [number, number, number] => [i, v, 1]),
      );
    const few = [40, -3, 2, ...Array.from({ length: 97 }, () => 0.01)];
    expect(termsSaid(of(few), 100)).toMatch(
      /make 39 of it, the other 97 0\.97\. Half.* 1 product of 100: a few decide\.$/,
    );
    const many = Array.from({ length: 100 }, () => 1);
    expect(termsSaid(of(many), 100)).toMatch(/make 3 of it, the other 97 97\..* 50 products of 100: many small ones/);
    expect(termsSaid(of([3, 2, 1, 1]), 100), 'all of them are not known').not.toContain('Half');
    expect(termsSaid({ ...of(many), bias: 1 }, 100)).toContain('and its bias');
  });

  it('says of each function what it really does', () => {
    expect(bendSaid('relu')).toMatch(/^what is below zero is cut.*above passes$/);
    expect(bendSaid('relu_squared')).toContain('squared');
    expect(bendSaid('silu')).toMatch(/^what is far below/);
    expect(bendSaid('xielu')).toContain('learned');
  });
});

it('draws the curve about all that went in, finds the strongest token, and names where its sum came from', () => {
  const [lo, hi] = domainOf([-9, 2]);
  expect(lo).toBeLessThan(-9);
  expect(hi).toBeGreaterThan(4);
  expect(strongest([0, 3, 5, 9], 3)).toBe(2);
  expect(strongest([-1, -2], 2)).toBe(1);
  expect(strongest([], 0)).toBeNull();
  expect(partName('blocks.2.hook_attn_out')).toBe('attention of layer 2');
  expect(partName('hook_embed')).toBe('token’s own vector');
});

import { describe, expect, it } from 'vitest';
import type { Neuron } from '../src/api/types';
import { BENDS, comesOf, curveOf, domainOf, partName, strongest, type What } from '../src/chapters/03-neuron/neuron';

const sum = (z: number, inputs: [feature: number, value: number, weight: number][]) => ({
  z,
  bias: 0,
  inputs: inputs.map(([feature, value, weight]) => ({ feature, value, weight, contribution: value * weight })),
  others: 0,
  sources: [],
  constant: 0,
});
const STILL: What = { input: null, value: null, z: null, function: 'own' };
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

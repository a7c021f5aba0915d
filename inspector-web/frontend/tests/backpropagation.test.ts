import { describe, expect, it } from 'vitest';
import type { Gradients, Neuron, RunManifest } from '../src/api/types';
import { blame, chain, second } from '../src/chapters/06-backpropagation/asks';
import { linksOf, mostBlamed } from '../src/chapters/06-backpropagation/links';
import {
  blamedLayers,
  fittingRate,
  mostTelling,
  passesOf,
  rowAt,
  saliency,
  together,
  weightCount,
} from '../src/chapters/06-backpropagation/passes';

const run = {
  prompt_length: 2,
  tokens: [{ id: 7 }, { id: 9 }, { id: 3 }],
  generation: { steps: [{ position: 2, alternatives: [{ id: 3 }, { id: 5 }] }] },
} as unknown as RunManifest;

const hook = (name: string, by_position: number[], values?: number[], width = 2) => ({
  hook: name,
  axes: ['batch', 'pos', 'd'],
  shape: [1, by_position.length, width],
  norm: Math.hypot(...by_position),
  max_abs: 1,
  by_position,
  values,
});

const g = {
  value: 2,
  hooks: [
    hook('hook_embed', [0.5, 2, 1]),
    hook('blocks.0.hook_resid_post', [1, 2, 3]),
    hook('blocks.0.mlp.hook_post', [0, 0, 4], [0, 0, 0, 0, 0.5, -2]),
    hook('blocks.0.mlp.hook_pre', [0, 0, 4], [0, 0, 0, 0, 0.25, -3]),
    hook('blocks.1.mlp.hook_post', [9, 9, 1]),
  ],
  parameters: [
    { name: 'blocks.0.attn.q.weight', shape: [2, 3], norm: 3, max_abs: 1, weight_norm: 1 },
    { name: 'blocks.0.mlp.in.weight', shape: [4], norm: 4, max_abs: 1, weight_norm: 1 },
    { name: 'blocks.10.mlp.in.weight', shape: [1], norm: 100, max_abs: 1, weight_norm: 1 },
  ],
} as unknown as Gradients;

describe('one mistake sent back', () => {
  it('asks about the prompt alone, and about the second most probable token', () => {
    expect(second(run)).toBe(5);
    expect(blame(run, 5).body).toMatchObject({ tokens: [7, 9], targets: [{ pos: -1, token: 5, of: 'nll' }] });
    expect(chain(run, 5, 3).body.hooks).toContain('blocks.3.mlp.hook_pre');
  });

  it('reads each block’s blame at the last position and over all, and its weights’ together', () => {
    const [first] = passesOf(1, 2, null, g);
    expect(first).toEqual({ layer: 0, forward: null, here: 3, all: Math.hypot(1, 2, 3), weights: 5 });
    expect(together(g, 'blocks.1.'), 'block 10 is not block 1').toBeNull();
    expect(weightCount(g)).toBe(11);
  });

  it('fits the rate to the slope: the promise is a third of the loss', () => {
    const squared = g.parameters.reduce((sum, p) => sum + p.norm * p.norm, 0);
    expect(fittingRate(g) * squared).toBeCloseTo(0.3 * g.value, 9);
  });

  it('finds the token before the last that the loss leans on', () => {
    expect(mostTelling(saliency(g)!)).toBe(1);
    expect(mostTelling([3])).toBeNull();
  });

  it('finds the layer and the neuron with most blame, and writes its links', () => {
    expect(blamedLayers(g, 2)[0].layer).toBe(0);
    const more = { ...g, hooks: [1, 3, 2].map((n, i) => ({ hook: `blocks.${i}.mlp.hook_post`, by_position: [n] })) };
    expect(blamedLayers(more as unknown as Gradients, 0)).toEqual([
      { layer: 1, norm: 3 },
      { layer: 2, norm: 2 },
      { layer: 0, norm: 1 },
    ]);
    expect(rowAt(g, 'blocks.0.mlp.hook_pre', 2)).toEqual([0.25, -3]);
    expect(mostBlamed([10, 1], [0.5, -2]), 'activation times gradient, not the gradient alone').toBe(0);
    const links = linksOf(
      g,
      { layer: 0, neuron: 1, pos: 2, gated: false },
      Float32Array.of(1, 3),
      Float32Array.of(2, -4),
      { sums: [{ sum: { z: 0.5, inputs: [{ feature: 1, value: -4, weight: 0.25 }] } }] } as unknown as Neuron,
    )!;
    expect(links).toMatchObject({ neuron: 1, dPost: -2, dPre: -3, slope: 1.5, z: 0.5, post: 3, inputs: 2 });
    expect(links.path, 'a weight’s gradient is what it reads times that of its sum').toEqual({
      input: 1,
      read: -4,
      weight: 0.25,
      gradient: 12,
    });
    expect(links.weights[0]).toEqual({ input: 1, read: -4, gradient: 12 });
  });
});

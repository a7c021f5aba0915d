import { describe, expect, it } from 'vitest';
import type { DecoderSpec, FeedForward, RunManifest } from '../src/api/types';
import { loads, mixtures, surest } from '../src/chapters/04-feed-forward/experts';
import { around, columns, strongestInputs, type Meeting } from '../src/chapters/04-feed-forward/meeting';
import { degrees, shareHeld, streamSaid } from '../src/chapters/04-feed-forward/model';
import { drawnNeurons, largest, networkAsks } from '../src/chapters/04-feed-forward/network';
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

describe('what is said of the parts', () => {
  const at = (layer: number, input_norm: number) => ({ layer, input_norm });

  it('names how long the stream is, and whether a push counts for more or less', () => {
    expect(streamSaid([at(0, 2), at(1, 3), at(2, 8)])).toMatch(/2 long at layer 0 and 8 at layer 2.*less there/);
    expect(streamSaid([at(0, 8), at(2, 2)])).toContain('more there');
    expect(degrees(0)).toBe('90°');
    expect(degrees(1.0000001)).toBe('0°');
  });

  it('counts the share of the weights, where no layer is a mixture', () => {
    const layer = (more: object) => ({ mlp: { gated: true, d_mlp: 8, ...more } });
    const spec = (...layers: object[]) => ({ layers }) as unknown as DecoderSpec;
    expect(shareHeld(spec(layer({}), layer({ gated: false })), 4, 320)).toMatch(/^50/); // 96 + 64
    expect(shareHeld(spec(layer({ experts: {} })), 4, 320)).toBeNull();
    expect(shareHeld(spec(layer({})), 4, undefined)).toBeNull();
  });
});

describe('a few neurons', () => {
  it('are the strongest, and the one that was chosen', () => {
    const p = part(0, 1, 0.1, 0.2, 0.3, 0.4, 0.5);
    expect(drawnNeurons(p, 10)).toEqual([0, 10, 20, 30]);
    expect(drawnNeurons(p, 77)).toEqual([0, 10, 20, 77]);
    expect(largest(4, 2, (i) => [1, 5, 5, 2][i])).toEqual([1, 2]);
  });

  it('are asked for by rows of the first matrix and columns of the last, as the block is made', () => {
    const m = { id: 'r', model: { slug: 'org/m' } } as RunManifest;
    const norm = { kind: 'layer' } as never;
    const asks = networkAsks(m, 2, 5, [7, 9], { gated: true, norm, parallel: false });
    expect(asks.read.path).toBe('/runs/r/captures/blocks.2.ln2.hook_normalized?pos=5');
    expect(asks.into.map((a) => a.path)).toEqual([
      '/models/org%2Fm/tensors/blocks.2.mlp.gate.weight?rows=7:8',
      '/models/org%2Fm/tensors/blocks.2.mlp.gate.weight?rows=9:10',
    ]);
    expect(asks.out[1].path).toMatch(/mlp\.out\.weight\?cols=9:10$/);
    expect([asks.scale.length, asks.shift.length]).toEqual([1, 1]);
    const plain = networkAsks(m, 2, 5, [7], { gated: false, norm: null, parallel: true });
    expect(plain.read.path).toContain('blocks.2.hook_resid_pre');
    expect(plain.into[0].path).toContain('mlp.in.weight');
    expect(plain.scale).toEqual([]);
  });
});

describe('the window of a product', () => {
  const meeting: Meeting = {
    layer: 0,
    first: 2,
    count: 2,
    reads: Float32Array.from([1, -2, 0.5, 3, 1, -1]), // [2, 3]
    rows: Float32Array.from([0.5, 1, 2, -1, 0, 4]), // [2, 3]
    bias: new Float32Array(2),
    sums: new Float32Array(4),
    positions: 2,
    dModel: 3,
  };

  it('holds the neuron, and never leaves the neurons', () => {
    for (const neuron of [0, 5, 40, 99]) {
      const [first, count] = around(neuron, 100);
      expect(first).toBeGreaterThanOrEqual(0);
      expect(first + count).toBeLessThanOrEqual(100);
      expect(neuron >= first && neuron < first + count).toBe(true);
    }
    expect(around(3, 8)).toEqual([0, 8]);
  });

  it('orders inputs by their products with the neuron’s row', () => {
    expect(strongestInputs(meeting, 0, 2, 3)).toEqual([1, 2, 0]); // 0.5, -2, 1
    expect(strongestInputs(meeting, 1, 3, 2)).toEqual([2, 0]); // -3, 0, -4
  });

  it('takes columns', () => {
    expect([...columns(meeting.rows, 3, [2, 0])]).toEqual([2, 0.5, 4, -1]);
  });
});

describe('a mixture of experts', () => {
  it('is told layer by layer', () => {
    const experts = { count: 4, active: 2, renormalised: true, shared_gate: false };
    const layers = [{ mlp: {} }, { mlp: { experts } }, { mlp: { experts } }];
    expect(mixtures({ layers } as unknown as DecoderSpec)).toEqual([1, 2]);
  });

  it('counts the tokens of each expert, not their weights', () => {
    expect(loads(Float32Array.from([0, 0.9, 0.1, 0, 0.5, 0.5]), 3)).toEqual([0, 2, 2]);
  });

  it('shows the layer whose router is surest, the first of two alike', () => {
    const shares = [
      [0.5, 0.5],
      [0.2, 0.8],
      [0.8, 0.2],
    ].map((s) => Float64Array.from(s));
    expect(surest({ pos: 0, layers: [1, 3, 4], gates: [], shares })).toEqual({ layer: 3, expert: 1, share: 0.8 });
    expect(surest({ pos: 0, layers: [], gates: [], shares: [] })).toBeNull();
  });
});

import { describe, expect, it } from 'vitest';
import type { DecoderSpec, HeadEffects, HeadProfile, RunManifest } from '../src/api/types';
import {
  at,
  cached,
  effectsByHead,
  groups,
  highest,
  leftSaid,
  numberOf,
  score,
  sorted,
} from '../src/chapters/09-multi-head/heads';
import { places } from '../src/kit/plots/patterns';
import {
  addedBy,
  addersSaid,
  convPast,
  feedersSaid,
  headCount,
  headed,
  insteadOfHeads,
  layersSaid,
  otherMixers,
  recurrent,
  statesOnly,
  weighing,
  withHeads,
} from '../src/state/heads';

const LATENT = {
  d_latent: 24,
  d_value: 16,
  d_shared: 8,
  norm: { kind: 'rms', eps: 1e-6, one_plus: false, bias: false },
} as const;
const measures = { mul: 0, abs: 0 };
function profile(previous: number, entropy: number, induction?: number): HeadProfile {
  return {
    layer: 0,
    head: 0,
    stripes: { previous, first: 0.1, self: 0, induction },
    detect: { previous_token: measures, duplicate_token: measures, induction: measures },
    entropy,
  };
}

describe('heads', () => {
  it('sorts by a score, those without one last, equal ones as they stand', () => {
    expect(sorted([0.2, null, 0.9, 0.2])).toEqual([2, 0, 3, 1]);
    expect(highest([null, 0.1, 0.4])).toBe(2);
    expect(highest([null, null])).toBeNull();
  });

  it('scores a head by what it is asked for; the least entropy is the most focus', () => {
    expect(score(profile(0.5, 1), 3, 'adds')).toBe(3);
    expect(score(profile(0.5, 1), undefined, 'previous')).toBe(0.5);
    expect(score(profile(0.5, 1), undefined, 'induction')).toBeNull();
    expect(score(profile(0.5, 1, 0.25), undefined, 'induction')).toBe(0.25);
    expect(sorted([profile(0, 2), profile(0, 0.5)].map((p) => score(p, undefined, 'focus')))).toEqual([1, 0]);
    expect(score(undefined, 1, 'first')).toBeNull();
  });

  it('places heads a column per layer, or row after row in their order', () => {
    expect(places(6, 3, 2, null)).toEqual([
      [0, 0],
      [0, 1],
      [1, 0],
      [1, 1],
      [2, 0],
      [2, 1],
    ]);
    const moved = places(6, 3, 2, [5, 4, 3, 2, 1, 0]);
    expect(moved[5]).toEqual([0, 0]);
    expect(moved[2]).toEqual([0, 1]);
    expect(new Set(moved.map(String)).size).toBe(6);
    expect(at(5, 2, [0, 1, 2])).toEqual({ layer: 2, head: 1 });
  });

  it('shares keys as the config says, and counts what a token leaves', () => {
    expect(groups(4, 2)).toEqual([
      [0, 1],
      [2, 3],
    ]);
    expect(groups(3, 1)).toEqual([[0, 1, 2]]);
    expect(
      cached([
        { n_kv_heads: 2, d_head: 40 },
        { n_kv_heads: 1, d_head: 8, d_value: 4 },
        { n_kv_heads: 8, d_head: 64, keys_from: 0 },
        { n_kv_heads: 8, d_head: 64, latent: { ...LATENT, d_latent: 32, d_shared: 8 } },
      ]),
    ).toBe(160 + 12 + 0 + 40);
  });

  it('says what a token leaves in a layer’s cache', () => {
    expect(leftSaid({ n_kv_heads: 2, d_head: 16 })).toContain('2 × 2 × 16 numbers');
    expect(leftSaid({ n_kv_heads: 2, d_head: 16, d_value: 12 })).toContain('2 × (16 + 12) numbers');
    expect(leftSaid({ n_kv_heads: 2, d_head: 16, keys_from: 3 })).toContain('of layer 3');
    expect(leftSaid({ n_kv_heads: 4, d_head: 16, latent: LATENT })).toContain('24 + 8 numbers');
  });

  it('says what adds to the stream', () => {
    const of = (...mixers: string[][]) =>
      ({ model: { n_layers: mixers.length, mixers }, kv_cache: {} }) as unknown as RunManifest;
    expect(addersSaid(of(['attention'], ['attention']))).toBe('attention');
    expect(addersSaid(of(['attention'], ['mamba2']))).toBe('attention (or a Mamba 2)');
    expect(addersSaid(of(['attention', 'mamba2'], ['attention', 'mamba2']))).toBe('attention, a Mamba 2 beside it');
    expect(addersSaid(of(['mamba'], ['mamba']))).toBe('a Mamba');
    const spec = (...mlps: object[]) => ({ layers: mlps.map((mlp) => ({ mlp })) }) as DecoderSpec;
    const [dense, wide, mixed, none] = [{ d_mlp: 48 }, { d_mlp: 96 }, { d_mlp: 8, experts: {} }, { d_mlp: 0 }];
    expect(feedersSaid(null)).toBe('the feed-forward part of each layer');
    expect(feedersSaid(spec(dense, dense))).toBe('the 48 neurons of each layer');
    expect(feedersSaid(spec(dense, wide))).toBe('the 48 to 96 neurons of each layer');
    expect(feedersSaid(spec(mixed, mixed))).toBe('the experts of each layer');
    expect(feedersSaid(spec(dense, mixed, none))).toBe('the 48 neurons or the experts of 2 of the layers');
    expect(feedersSaid(spec(none))).toBe('');
  });

  it('finds heads among all parts', () => {
    const parts: HeadEffects['parts'] = [
      { part: 'embed', effect: 1 },
      { part: 'head', layer: 0, head: 1, effect: 2 },
      { part: 'mlp', layer: 0, effect: 3 },
      { part: 'head', layer: 1, head: 0, effect: 4 },
    ];
    const all = effectsByHead({ parts } as HeadEffects, 2, [0, 1]);
    expect([all[1], all[2]]).toEqual([2, 4]);
  });

  it('counts only the heads that there are where layers have none', () => {
    const layers = [1, 3];
    expect(at(3, 2, layers)).toEqual({ layer: 3, head: 1 });
    expect(numberOf({ layer: 3, head: 1 }, 2, layers)).toBe(3);
    const parts: HeadEffects['parts'] = [
      { part: 'conv', layer: 0, effect: 1 },
      { part: 'head', layer: 1, head: 0, effect: 2 },
      { part: 'head', layer: 3, head: 1, effect: 3 },
    ];
    expect(effectsByHead({ parts } as HeadEffects, 2, layers)[3]).toBe(3);
  });
});

describe('layers without heads', () => {
  const run = (states?: number[]) =>
    ({ model: { n_layers: 4, n_heads: 2, d_model: 8 }, kv_cache: { conv_states: states } }) as unknown as RunManifest;
  const hybrid = run([64, 0, 64, 0]); // two positions of eight float32 each

  it('are known by what they keep', () => {
    expect(headed(hybrid)).toEqual([1, 3]);
    expect(headed(run())).toEqual([0, 1, 2, 3]);
    expect(headCount(hybrid)).toBe(4);
    expect([0, 1, 2, 3].map((l) => convPast(hybrid, l))).toEqual([2, 0, 2, 0]);
    expect(insteadOfHeads(hybrid, 1)).toBeNull();
    expect(insteadOfHeads(hybrid, 2)).toContain('the 2 tokens before it');
  });

  it('are named by the run where they are recurrences', () => {
    const mixed = {
      model: { n_layers: 4, n_heads: 2, d_model: 8, mixers: [['mamba2'], ['attention'], ['attention', 'mamba2'], []] },
      kv_cache: { conv_states: [2048, 0, 2048, 0] },
    } as unknown as RunManifest;
    expect(headed(mixed)).toEqual([1, 2]);
    expect(recurrent(mixed)).toEqual([0, 2]);
    expect(convPast(mixed, 0)).toBe(0);
    expect(insteadOfHeads(mixed, 0)).toContain('a Mamba 2: it keeps 2');
    expect(insteadOfHeads(mixed, 2)).toBeNull();
    expect(insteadOfHeads(mixed, 3)).toContain('no token reads another');
    expect([0, 1, 2, 3].map((l) => statesOnly(mixed, l))).toEqual([true, false, false, false]);
    expect(weighing(mixed)).not.toContain(3);
    expect(weighing(mixed)).toContain(0);
    expect(addedBy(mixed, 2)).toEqual(['hook_attn_out', 'hook_ssm_out']);
    expect(layersSaid(mixed)).toBe(
      'layer 0: a Mamba 2; layer 1: attention; layer 2: attention beside a Mamba 2; layer 3: no mixer',
    );
    expect(otherMixers(mixed)).toBe('a Mamba 2');
  });

  it('are stepped over in either direction', () => {
    expect([0, 1, 2, 3].map((l) => withHeads(hybrid, l))).toEqual([1, 1, 3, 3]);
    expect([0, 1, 2, 3].map((l) => withHeads(hybrid, l, -1))).toEqual([1, 1, 1, 3]);
    expect(withHeads(run([0, 64, 0, 64]), 3)).toBe(2);
  });
});

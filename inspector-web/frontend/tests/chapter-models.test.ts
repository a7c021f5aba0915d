import { describe, expect, it } from 'vitest';
import type { DecoderSpec, ModelSizes, PassCost, PositionSchemes, RunManifest } from '../src/api/types';
import * as neuron from '../src/chapters/03-neuron/model';
import * as feedForward from '../src/chapters/04-feed-forward/model';
import * as tokenization from '../src/chapters/01-tokenization/model';
import * as embeddings from '../src/chapters/02-embeddings/model';
import * as logits from '../src/chapters/05-logits-sampling/model';
import * as optimizers from '../src/chapters/07-optimizers/model';
import * as backpropagation from '../src/chapters/06-backpropagation/model';
import * as attention from '../src/chapters/08-attention-qkv/model';
import * as multiHead from '../src/chapters/09-multi-head/model';
import * as rope from '../src/chapters/10-rope/model';
import * as block from '../src/chapters/11-transformer-block/model';
import * as training from '../src/chapters/12-training-phases/model';
import * as postTraining from '../src/chapters/13-post-training/model';
import * as cache from '../src/chapters/14-kv-cache/model';
import * as quantization from '../src/chapters/15-quantization/model';

const model = {
  n_layers: 4,
  n_heads: 6,
  n_kv_heads: 2,
  d_head: 16,
  d_model: 96,
  max_context: 64,
} as RunManifest['model'];
const value = (sizes: [string, string][], name: string) => sizes.find(([n]) => n === name)?.[1];

describe('an exported graph', () => {
  it('is refused by the chapters that need weights, each with its own reason', () => {
    const reasons = [
      neuron.cannotShow({ exported: true, neurons: 8, onlyMixtures: false, streamNorms: false }),
      feedForward.cannotShow(true),
      backpropagation.cannotShow(true),
      optimizers.cannotShow(true),
      block.cannotShow(true),
      training.cannotShow(true, null),
      postTraining.cannotShow(true, false),
      quantization.cannotShow(true),
    ];
    for (const reason of reasons) expect(reason).toMatch(/export/);
    expect(new Set(reasons).size).toBe(reasons.length);
  });

  it('leaves chapter 9 without what heads look for and add', () => {
    expect(multiHead.weightsNamed(true)).toBe(false);
    expect(multiHead.weightsNamed(false)).toBe(true);
  });
});

describe('a model that can be shown', () => {
  it('is refused by none of them', () => {
    expect(neuron.cannotShow({ exported: false, onlyMixtures: false, neurons: 8, streamNorms: false })).toBeNull();
    for (const { cannotShow } of [feedForward, backpropagation, optimizers, block, quantization]) {
      expect(cannotShow(false)).toBeNull();
    }
    expect(postTraining.cannotShow(false, true)).toBeNull();
  });

  it('has neurons of its own: not those of experts only, nor a stream that norms change', () => {
    const of = (more: object) =>
      neuron.cannotShow({ exported: false, neurons: 8, onlyMixtures: false, streamNorms: false, ...more });
    expect(of({ neurons: 0 })).toContain('no neurons');
    expect(of({ onlyMixtures: true })).toContain('mixtures of experts');
    expect(of({ streamNorms: true })).toContain('a norm changes its stream');
  });

  it('kept states of its training, or the chapter says which it lacks', () => {
    const state = (step: number) => ({ slug: `m@${step}`, step, tokens: step * 10 });
    const curve = { step: [1] } as never;
    expect(training.cannotShow(false, null)).toBeNull();
    expect(training.cannotShow(false, { curve, states: [state(1), state(2)] })).toBeNull();
    expect(training.cannotShow(false, { curve: null, states: [] })).toContain('no losses');
    expect(training.cannotShow(false, { curve, states: [state(2)] })).toContain('no earlier states');
  });

  it('has sisters, or chapter 13 says which', () => {
    expect(postTraining.cannotShow(false, false)).toContain('sisters');
  });
});

describe('what a chapter begins with', () => {
  it('has its reason, with the numbers that chose it', () => {
    expect(neuron.whyChosen(2560, 0.125)).toMatch(/2,560 neurons.*12\.5/);
    expect(feedForward.whyChosen({ layer: 2, expert: 1, share: 0.5 }, { layer: 0, ratio: 1 }, 4)).toMatch(
      /^Layer 2.*expert 1/,
    );
    expect(feedForward.whyChosen(null, { layer: 3, ratio: 0.5 }, 4)).toMatch(/^Layer 3, because of all 4.*0\.50 times/);
    expect(feedForward.whyChosen(null, null, 4)).toBeNull();
    expect(attention.whyChosen({ layer: 1, head: 2 }, 24)).toMatch(/^Layer 1, head 2,.*24 heads/);
    expect(rope.whyChosen(1, 2, 24, 3.14159)).toMatch(/24 heads.*by 3\.14\.$/);
    expect(multiHead.whyChosen({ layer: 1, head: 2 }, 24, { word: '“cat”', logit: 1.2345, likeliest: true })).toMatch(
      /“cat”.*\+1\.23\.$/,
    );
    expect(multiHead.whyChosen({ layer: 1, head: 2 }, 24, null)).toMatch(/24 heads none puts/);
    expect(block.busiestOf([])).toBeNull();
    const shares = [[0.9, 0.1] as const, [0.4, 0.3] as const];
    expect(block.busiestOf(shares)).toBe(1);
    expect(block.whyChosen(1, shares)).toMatch(/^Block 1, because of all 2.*0\.40 and .*0\.30/);
  });

  it('is 4 bits, or fewer where 4 bits write the same', () => {
    expect(quantization.bitsShown(undefined)).toBe(4);
    expect(quantization.bitsShown(null)).toBe(4);
    expect(quantization.bitsShown(6)).toBe(4);
    expect(quantization.bitsShown(3)).toBe(3);
    expect(quantization.whyChosen('blocks.0.mlp.out.weight', 12, 3)).toMatch(/^blocks\.0\.mlp\.out, .*all 12 .*3 bits/);
    expect(quantization.whyChosen('w.weight', null, null)).toBe('w, in the middle of the model.');
  });
});

describe('a model’s sizes', () => {
  it('count its neurons, and wait for those that are not known', () => {
    expect(value(neuron.sizesOf(96, 0, 4, null), 'layers × neurons')).toBe('—');
    expect(value(neuron.sizesOf(96, 256, 4, null), 'layers × neurons')).toBe('1,024');
    expect(value(backpropagation.sizesOf(1024, 4), 'bytes of one gradient, in 32 bits')).toContain('4.00');
    expect(value(backpropagation.sizesOf(null, 4), 'weights that get a gradient')).toBe('…');
  });

  it('leave out what the spec says until it is known', () => {
    const spec = { tied: true, embed_scale: 1, logit_scale: null, logit_softcap: 30 } as unknown as DecoderSpec;
    expect(value(embeddings.sizesOf(100, 8, null), 'positions')).toBeUndefined();
    expect(value(embeddings.sizesOf(100, 8, spec), 'factor on a row')).toBe('none');
    expect(value(logits.sizesOf(100, 8, spec), 'cap on the scores')).toBe('± 30');
    expect(value(logits.sizesOf(100, 8, spec), 'factor on the scores')).toBeUndefined();
    expect(value(tokenization.sizesOf(100, 8, null), 'context')).toBeUndefined();
    expect(value(optimizers.sizesOf(1024), 'a gradient, in 32 bits')).toContain('4.00');
  });

  it('count a dense part’s weights, and a mixture’s', () => {
    const dense = { d_mlp: 10, activation: 'silu', gated: true, bias: false };
    const mixed = { ...dense, experts: { count: 4, active: 2, renormalised: true } };
    const spec = (...mlps: object[]) => ({ layers: mlps.map((mlp) => ({ mlp })) }) as DecoderSpec;
    const of = (s: DecoderSpec) => feedForward.sizesOf(s, 8, s.layers[0].mlp);
    expect(value(of(spec(dense, dense)), 'weights in all layers')).toBe('480');
    expect(value(of(spec(dense, mixed)), 'weights in all such layers')).toBe('240');
    expect(value(of(spec(mixed, mixed)), 'weights in all mixture layers')).toBe('1,984');
    expect(value(of(spec(mixed, mixed)), 'layers that are mixtures')).toBeUndefined();
    expect(value(of(spec(mixed, dense)), 'layers that are mixtures')).toBe('1 of 2');
    expect(feedForward.sizesOf(null, 8, null)).toEqual([['numbers per token', '8']]);
  });

  it('name layers without heads only where there are some', () => {
    const rules = { scale: 0.25, softcap: null, window: null, sinks: false };
    expect(value(attention.sizesOf(model, 4, rules, null, false), 'layers × heads')).toBe('4 × 6 = 24');
    expect(value(attention.sizesOf(model, 4, rules, null, false), 'scale')).toBe('0.25 = 1 / √16');
    expect(value(attention.sizesOf(model, 4, null, null, false), 'layers without heads')).toBeUndefined();
    expect(value(attention.sizesOf(model, 3, null, null, false), 'layers without heads')).toBe('1 of 4');
    expect(value(multiHead.sizesOf(model, [], 3), 'layers without heads')).toBe('1 of 4');
  });

  it('are of the layer on show, and a range where layers differ', () => {
    const own = { n_heads: 6, n_kv_heads: 3, d_head: 32, d_value: 8 } as Parameters<typeof attention.sizesOf>[3] &
      object;
    const shown = attention.sizesOf(model, 4, null, own, false);
    expect(value(shown, 'key/value heads of a layer')).toBe('3, each for 2 heads');
    expect(value(shown, 'numbers in q and k, in v')).toBe('32, 8');
    expect(value(shown, 'W_K, W_V')).toBe('96 × 96, × 24');
    expect(value(shown, 'W_O')).toBe('48 × 96');
    expect(value(shown, 'positions')).toBe('none in this layer');
    expect(value(attention.sizesOf(model, 4, null, own, true), 'positions')).toContain('added');
    const all = multiHead.sizesOf(model, [own, { ...own, n_kv_heads: 6, keys_from: 0 }], 2);
    expect(value(all, 'key/value heads per layer')).toBe('3 to 6');
    expect(value(all, 'numbers in a head')).toBe('32');
    expect(value(all, 'heads laid end to end')).toBe('6 × 8 = 48');
    expect(value(all, 'W_Q, W_K, W_V, W_O of one head')).toBe('3,840 to 5,760');
    expect(value(all, 'keys and values a token leaves')).toContain('120 numbers');
  });

  it('say how positions are known', () => {
    const schemes = (learned: boolean, ...kinds: string[]) =>
      ({
        learned,
        max_context: 64,
        schemes: kinds.map((kind) => ({ kind, pairs: [{ period: 6.28 }], d_head: 2 })),
      }) as unknown as PositionSchemes;
    expect(value(rope.sizesOf(schemes(true), 96), 'weights for it')).toBe('6,144');
    expect(value(rope.sizesOf(schemes(false, 'rope'), 96), 'positions')).toBe('turned into q and k');
    expect(value(rope.sizesOf(schemes(false, 'alibi'), 96), 'positions')).toContain('slope');
    expect(value(rope.sizesOf(schemes(false), 96), 'positions')).toBe('none');
  });

  it('add up what a cache takes a token and a full context', () => {
    const cost = {
      cache: [
        { layer: 0, n_heads: 6, n_kv_heads: 2, bytes_per_position: 256 },
        { layer: 1, bytes_per_position: 0, conv_past: 2, conv_bytes: 768 },
      ],
      contexts: [{ positions: 64, kept_bytes: 16384 }],
      room: { weights_bytes: 2048 },
    } as unknown as PassCost;
    const of = cache.cacheSizes(cost, 64);
    expect(of.row).toBe(256);
    expect(of.convolutions).toHaveLength(1);
    expect(of.full?.kept_bytes).toBe(16384);
    expect(cache.cacheSizes(cost, 128).full).toBeNull();
    const m = { model, kv_cache: { bytes: 512, positions: 2 } } as RunManifest;
    expect(value(cache.sizesOf(m, cost), 'of them without keys and values')).toBe('1');
    expect(value(cache.sizesOf(m, null), 'a token takes')).toBeUndefined();
    expect(cache.measuredAtOnce(undefined)).toBe(false);
    expect(cache.measuredAtOnce(1e6)).toBe(true);
  });

  it('list a file’s bytes under each scheme', () => {
    const sizes = { parameters: 1000, stored_bytes: 4096, schemes: [{ scheme: { name: 'int8' }, bytes: 1024 }] };
    expect(quantization.sizesOf(sizes as unknown as ModelSizes).map(([n]) => n)).toEqual([
      'parameters',
      'in the file',
      'int8',
    ]);
    expect(value(postTraining.sizesOf(5, 9, null), 'with the answer, of which count')).toBe('…');
    expect(value(training.sizesOf(null, 3, 4096), 'updates')).toBe('…');
  });
});

describe('how a head formed', () => {
  it('is the best one of the end, between the states where it rose most', () => {
    const profile = (...scores: number[]) => scores.map((previous) => ({ stripes: { previous } })) as never;
    const states = [1, 2, 3].map((step) => ({ slug: `m@${step}`, step, tokens: null }));
    const formed = training.formationOf([profile(0, 0.1), profile(0, 0.7), profile(0.2, 0.8)], states, 2, 'previous');
    expect(formed).toMatchObject({ name: '0.1', from: { step: 1 }, to: { step: 2 }, before: 0.1, after: 0.7 });
  });
});

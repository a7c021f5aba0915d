import { describe, expect, it } from 'vitest';
import { benchmarkOf, costOf, lengths, measured, roundedOf, timelineOf } from '../src/chapters/14-kv-cache/asks';
import { byKind, farthest, gain, lanes, longest, times } from '../src/chapters/14-kv-cache/costs';
import type { BenchmarkPoint, Part, RunManifest, TimedPass } from '../src/api/types';

const spread = (min: number) => ({ median: min * 2, min, max: min * 9, runs: 3 });
const timed = (part: Part, ms: number, layer?: number) => ({ part, layer, ms: spread(ms) });

const pass: TimedPass = {
  positions: 1,
  hooked: spread(10),
  fused: spread(5),
  parts: [
    timed('embed', 1),
    timed('ln1', 0.5, 0),
    timed('attn.qkv', 2, 0),
    timed('mlp.in', 3, 0),
    timed('attn.z', 1, 1),
    timed('mlp.out', 0.25, 1),
    timed('ln_final', 0.25),
    timed('unembed', 2),
  ],
};

describe('the timeline', () => {
  it('is a lane per layer, each part where the one before it ended', () => {
    const all = lanes(pass);
    expect(all.map((l) => [l.name, l.ms])).toEqual([
      ['embedding', 1],
      ['layer 0', 5.5],
      ['layer 1', 1.25],
      ['unembedding', 2.25],
    ]);
    const parts = all.flatMap((l) => l.parts);
    for (let i = 1; i < parts.length; i++) expect(parts[i].from).toBeCloseTo(parts[i - 1].from + parts[i - 1].ms, 12);
  });

  it('sums the kinds of work to the whole', () => {
    const sums = byKind(pass);
    expect([...sums.values()].reduce((a, b) => a + b, 0)).toBeCloseTo(10, 12);
    expect(sums.get('feedforward')).toBe(3.25);
    expect(longest(pass)).toBe('feedforward');
  });
});

describe('a benchmark', () => {
  const point = (positions: number, kept: number, again?: number): BenchmarkPoint =>
    ({ positions, decode: spread(kept), without_cache: again && spread(again) }) as BenchmarkPoint;

  it('is told at its longest past that was measured both ways', () => {
    const all = [point(16, 1, 2), point(256, 2, 30), point(1024, 3)];
    expect(farthest(all)?.positions).toBe(256);
    expect(gain(all[1])).toBe(15);
    expect(gain(all[2])).toBeNull();
    expect(farthest([])).toBeNull();
    expect([times(15), times(1.44)]).toEqual(['15 times', '1.4 times']);
  });
});

describe('what is asked', () => {
  const m = {
    prompt_length: 2,
    tokens: [{ id: 7 }, { id: 8 }, { id: 9 }],
    model: { slug: 'm', max_context: 512 },
    engine: { name: 'onnx', device: 'cpu' },
    request: { precision: 'int8' },
    kv_cache: { positions: 3 },
  } as unknown as RunManifest;

  it('has lengths up to the context, the run’s own among them', () => {
    for (const context of [4, 128, 512, 131_072]) {
      const all = lengths(context, 35);
      expect(all.at(-1)).toBe(context);
      expect(all).toContain(Math.min(35, context));
      expect(all.length).toBeLessThanOrEqual(64);
      expect([...all].sort((a, b) => a - b)).toEqual(all);
    }
    expect(measured(512)).toEqual([16, 64, 256, 496]);
    expect(measured(8)).toEqual([1]);
    expect(measured(131_072).at(-1)).toBe(1024);
  });

  it('is asked of the run’s engine, and of torch where only that can tell', () => {
    expect(costOf(m, { key: 'int8' }).body).toMatchObject({ request: { model: 'm', engine: 'onnx' }, past: 2 });
    expect(timelineOf(m).body.request).toEqual({ model: 'm', engine: 'torch', tokens: [7, 8] });
    expect(benchmarkOf(m).body.request).toMatchObject({ engine: 'onnx', precision: 'int8', tokens: [7, 8] });
  });

  it('holds a rounded cache against one in 16 bits over the tokens that were read', () => {
    const { whole, body } = roundedOf(m, 'int8', 'fp16');
    expect(whole).toBe(true);
    expect(body.a).toMatchObject({ tokens: [7, 8, 9], kv_cache: { key: 'fp16', value: 'fp16' } });
    expect(body.b).toMatchObject({ kv_cache: { key: 'int8', value: 'fp16' } });
  });
});

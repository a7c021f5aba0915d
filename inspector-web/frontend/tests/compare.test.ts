import { describe, expect, it } from 'vitest';
import type { ComparedHook, ComparisonSide, PrecisionOverride } from '../src/api/types';
import {
  LEAST_FLOOR,
  badProfile,
  fold,
  foldWidth,
  formatPlan,
  hookName,
  parseChanges,
  parsePlan,
  parseSize,
  points,
  ranked,
  rampEnds,
  reachOf,
  shadeOf,
  shown,
  sideName,
  splitHook,
} from '../src/views/compare/compare';
import { DEFAULTS } from '../src/state/url';

const hook = (name: string): ComparedHook => ({ hook: name, worst_position: 0 });

describe('what is bad', () => {
  const hooks: ComparedHook[] = [
    { ...hook('hook_embed'), made: 0, floor: 0 },
    { ...hook('blocks.0.hook_resid_pre'), relative_l2: 0.5 },
    { ...hook('blocks.0.attn.hook_q'), made: 0.1, floor: 1e-6, relative_l2: 0.2 },
    { ...hook('blocks.1.attn.hook_q'), made: 1e-9, relative_l2: 0.3 },
  ];

  it('is judged by what was made, over a floor that is never lower than half a bit', () => {
    const p = badProfile(hooks, { factor: 10, basis: 'made' });
    expect(p.rows.map((r) => [r.hook, r.y, r.floor])).toEqual([
      ['hook_embed', 0, LEAST_FLOOR],
      ['blocks.0.attn.hook_q', 0.1, 1e-6],
      ['blocks.1.attn.hook_q', 1e-9, LEAST_FLOOR],
    ]);
    expect(p.ticks).toEqual([
      { at: 1, text: 'layer 0' },
      { at: 2, text: 'layer 1' },
    ]);
    expect(p.domain[1]).toBeGreaterThan(0.1);
  });

  it('is judged by all of the error where that is what there is', () => {
    const p = badProfile(hooks, { factor: 10, basis: 'total' });
    expect(p.rows.map((r) => r.y)).toEqual([Infinity, 0.5, 0.2, 0.3]);
  });
});

describe('hooks of a comparison', () => {
  const all = points(['hook_embed', 'blocks.0.attn.hook_z', 'blocks.1.attn.hook_z', 'logits'].map(hook));

  it('become points, in the order of the data', () => {
    expect(all.map((p) => p.name)).toEqual(['hook_embed', 'attn.hook_z', 'logits']);
    expect(all.map((p) => p.layered)).toEqual([false, true, false]);
    expect(all.map((p) => p.heads)).toEqual([false, true, false]);
  });

  it('have their names back', () => {
    expect(splitHook('blocks.12.attn.hook_z')).toEqual({ point: 'attn.hook_z', layer: 12 });
    expect(splitHook('logits')).toEqual({ point: 'logits', layer: null });
    expect(all.map((p) => hookName(p, 3))).toEqual(['hook_embed', 'blocks.3.attn.hook_z', 'logits']);
  });

  it('are shown by what the address says, where the comparison has it', () => {
    const at = (point: string, metric: 'head' | 'sqnr') => shown({ ...DEFAULTS.compare, point, metric }, all);
    expect(at('attn.hook_z', 'head')).toEqual({ point: all[1], metric: 'head' });
    expect(at('logits', 'head')).toEqual({ point: all[2], metric: 'relative_l2' });
    expect(at('no.such', 'sqnr')).toEqual({ point: all[2], metric: 'sqnr' });
    expect(shown(DEFAULTS.compare, [])).toBeNull();
  });
});

describe('the shade of a distance', () => {
  it('is none only for no difference at all', () => {
    const l2 = shadeOf('relative_l2', { least: 1e-7, most: 1 });
    expect(l2(0)).toBe(0);
    expect(l2(1e-30)).toBeGreaterThan(0);
    expect(l2(1)).toBe(1);
    expect(l2(Infinity)).toBe(1);
    expect(l2(NaN)).toBe(0);
    expect(l2(1e-3)).toBeGreaterThan(l2(1e-4));
  });

  it('is the same way round for every measure: far is strong', () => {
    const all = { least: 1e-3, most: 1 };
    expect(shadeOf('cosine', all)(1)).toBe(0);
    expect(shadeOf('cosine', all)(0)).toBe(1);
    expect(shadeOf('sqnr', all)(Infinity)).toBe(0);
    expect(shadeOf('sqnr', all)(10)).toBeGreaterThan(shadeOf('sqnr', all)(50));
  });

  it('uses the whole ramp for what is there, and at least a power of ten', () => {
    const reach = reachOf('relative_l2', [0, 1e-6, 3e-4, NaN, Infinity]);
    expect(reach).toEqual({ least: 1e-6, most: 3e-4 });
    expect(shadeOf('relative_l2', reach)(3e-4)).toBeCloseTo(1, 6);
    expect(shadeOf('relative_l2', reach)(1e-6)).toBeCloseTo(0.06, 6);
    expect(reachOf('max_abs', [0.5, 0.4])).toEqual({ least: 0.05, most: 0.5 });
    expect(rampEnds('sqnr', reachOf('sqnr', [60, 20, Infinity]))).toEqual(['60 dB', '20 dB']);
    expect(reachOf('cosine', [1, 1])).toEqual({ least: 0.1, most: 1 });
  });
});

describe('changes as JSON', () => {
  it('are one or a list, or wrong in words', () => {
    const cut = { hook: 'blocks.1.attn.hook_z', op: 'zero', heads: [0] };
    expect(parseChanges(JSON.stringify(cut)).changes).toEqual([cut]);
    expect(parseChanges(JSON.stringify([cut, cut])).changes).toHaveLength(2);
    expect(parseChanges(' ').wrong).toBeNull();
    expect(parseChanges('{').wrong).toContain('JSON');
    expect(parseChanges('[1]').wrong).toContain('hook');
  });
});

describe('precisions of some modules', () => {
  const overrides: PrecisionOverride[] = [
    { modules: 'blocks.*.mlp.*', precision: 'fp16' },
    { modules: 'unembed', precision: 'int4_32', kernel: 'exact' },
  ];

  it('are in the address as the server says them, without what holds for all', () => {
    const text = formatPlan({ default: 'int8', kernel: 'fast', overrides });
    expect(text).not.toContain('int8');
    expect(parsePlan(text)).toEqual({ overrides });
    expect(parsePlan(formatPlan({ kernel: 'exact', overrides: [] }))).toEqual({ kernel: 'exact', overrides: [] });
    expect([formatPlan(), formatPlan({ default: 'fp16', kernel: 'fast', overrides: [] })]).toEqual([null, null]);
  });

  it('are none where the address says nonsense', () => {
    for (const text of [null, 'null', '{', '7', '{"overrides":1}', '{"overrides":[null]}', '{"kernel":"quick"}']) {
      expect(parsePlan(text), String(text)).toEqual({ overrides: [] });
    }
  });
});

describe('modules', () => {
  const module = (name: string, value: number, perByte?: number) => ({
    module: name,
    matrices: [name],
    kld: { value: 1 },
    effect: { value },
    bytes: perByte ? value / perByte : 0,
    effect_per_byte: perByte,
  });
  const all = [module('a', 2, 0.1), module('b', 1, 0.5), module('free', 0.5), module('bad', -1)];

  it('are ranked by what they do, in all or a byte', () => {
    expect(ranked(all, 'kl').map((m) => m.module)).toEqual(['a', 'b', 'free', 'bad']);
    expect(ranked(all, 'byte').map((m) => m.module)).toEqual(['free', 'b', 'a', 'bad']);
    const predicted = all.map((m, i) => ({ ...m, predicted: i }));
    expect(ranked(predicted, 'predicted').map((m) => m.predicted)).toEqual([3, 2, 1, 0]);
  });

  it('have a budget as people write it', () => {
    expect(parseSize('1.5 MiB')).toBe(1572864);
    expect(parseSize('2g')).toBe(2 * 1024 ** 3);
    expect(parseSize('1000')).toBe(1000);
    expect(parseSize('0')).toBeNull();
    expect(parseSize('much')).toBeNull();
  });
});

describe('values folded into rows', () => {
  it('keep heads as rows and cut a vector evenly', () => {
    expect(fold(new Float32Array(12), [3, 4])).toMatchObject({ rows: 3, cols: 4 });
    expect(foldWidth(576)).toBe(48);
    expect(foldWidth(64)).toBe(16);
    expect(foldWidth(172)).toBe(43);
    expect(foldWidth(3)).toBe(3);
    const odd = fold(
      Float32Array.from({ length: 67 }, () => 1),
      [67],
    );
    expect(odd.rows * odd.cols).toBeGreaterThanOrEqual(67);
    expect(odd.data.reduce((a, b) => a + b, 0)).toBe(67);
  });

  it('show what is masked as nothing', () => {
    expect([...fold(Float32Array.of(-Infinity, 2), [1, 2]).data]).toEqual([0, 2]);
  });
});

it('a side is named by what tells it from the other', () => {
  const side = (slug: string, precision: string, interventions: unknown[] = [], overrides: unknown[] = []) =>
    ({
      model: { slug },
      engine: { name: 'torch', precision },
      request: { interventions, precision_plan: { overrides } },
    }) as unknown as ComparisonSide;
  expect(sideName(side('m', 'fp16'), side('m', 'fp32'))).toBe('fp16 on torch');
  expect(sideName(side('n', 'fp32', [{}]), side('m', 'fp32'))).toBe('n, fp32 on torch, 1 change');
  expect(sideName(side('m', 'int8', [], [{}, {}]), side('m', 'int8'))).toBe('int8 on torch, 2 overrides');
});

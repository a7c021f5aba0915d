import { describe, expect, it } from 'vitest';
import type { QuantizationReport, QuantizedJson, RunManifest, Token, WeightStatistics } from '../src/api/types';
import { askKey, sent } from '../src/api/source';
import {
  ALL_BITS,
  largestOf,
  planOf,
  sameBits,
  schemeName,
  windowAround,
  worstOf,
  writes,
} from '../src/chapters/15-quantization/asks';
import {
  cellOf,
  codesOf,
  inFewBits,
  levels,
  plainRow,
  sliceFrom,
  sum,
  worstCell,
} from '../src/chapters/15-quantization/cells';
import { firstChange, parting } from '../src/chapters/15-quantization/written.svelte';
import { formatPlan, parsePlan } from '../src/views/compare/compare';

const tokens = (...ids: number[]): Token[] =>
  ids.map((id) => ({ id, text: `t${id}`, bytes: [id], special: false }) as Token);

/** Two rows of three weights in 3 bits, as the server says it. */
const slice = sliceFrom({
  name: 'w',
  format: 'F32',
  shape: [20, 96],
  scheme: { name: 'int3-g32', definition: 'a scheme', bits: 3 },
  rows: [4, 6],
  cols: [32, 35],
  group_size: 32,
  first_group: 1,
  values: [
    [0.9, -0.29, 0.1],
    [0.3, 0.1, 0.05],
  ],
  codes: [
    [3, -1, 0],
    [3, 1, 1],
  ],
  scales: [[0.3], [0.1]],
  decoded: [
    [0.9, -0.3, 0],
    [0.3, 0.1, 0.1],
  ],
  error: [
    [0, -0.01, -0.1],
    [0, 0, 0.05],
  ],
} as unknown as QuantizedJson);

describe('schemes', () => {
  it('are named as the server names them', () => {
    expect(ALL_BITS).toHaveLength(7);
    expect(schemeName({ bits: 3, share: 'group', zero: false })).toBe('int3-g32');
    expect(schemeName({ bits: 8, share: 'channel', zero: true })).toBe('int8-channel-asym');
    expect(sameBits(4)).toContain('nf4');
    expect(sameBits(3)).not.toContain('nf4');
    expect(codesOf(2, false)).toBe(3);
    expect(codesOf(2, true)).toBe(4);
  });

  it('are carried to Compare in the plan of B', () => {
    const text = formatPlan({ ...planOf('int3-g32') });
    expect(parsePlan(text)).toEqual({ overrides: [], simulate: [{ modules: '*', scheme: 'int3-g32' }] });
    expect(formatPlan(parsePlan(text))).toBe(text);
    expect(formatPlan(parsePlan(null))).toBeNull();
  });
});

describe('a matrix', () => {
  it('is the one that loses most in the blocks', () => {
    const row = (name: string, quantized = true) => ({ name, quantized });
    const report = (...weights: object[]) => ({ weights }) as unknown as QuantizationReport;
    expect(
      worstOf(report(row('embed.weight'), row('blocks.1.mlp.out.weight'), row('blocks.0.attn.q.weight')))?.name,
    ).toBe('blocks.1.mlp.out.weight');
    expect(worstOf(report())).toBeNull();
    expect(inFewBits({ format: 'Q4_0' } as QuantizationReport['weights'][number])).toBe(true);
    expect(inFewBits({ format: 'BF16' } as QuantizationReport['weights'][number])).toBe(false);
  });

  it('is shown around its largest weight: one group of each row', () => {
    const s = {
      rows: { largest: [{ index: 19 }] },
      columns: { largest: [{ index: 70 }] },
    } as unknown as WeightStatistics;
    expect(windowAround([20, 96], ...largestOf(s))).toEqual({ rows: [10, 20], cols: [64, 96] });
    expect(windowAround([3, 40], 1, 35)).toEqual({ rows: [0, 3], cols: [32, 40] });
  });

  it('is taken apart weight by weight', () => {
    const cell = cellOf(slice, 5, 34);
    expect(cell).toMatchObject({ value: 0.05, code: 1, scale: 0.1, decoded: 0.1, error: 0.05 });
    expect(sum(cell)).toBe('1 × 0.1 = 0.1');
    expect(worstCell(slice)).toEqual([4, 34]);
    expect(plainRow(slice)).toBe(5);
    expect(levels(slice, 1, -0.25, 0.25).map((v) => Number(v.toFixed(3)))).toEqual([-0.2, -0.1, 0, 0.1, 0.2]);
  });
});

describe('what is written', () => {
  it('parts where two tokens differ, or one text ends', () => {
    expect(parting(tokens(1, 2, 3), tokens(1, 2, 3))).toBeNull();
    expect(parting(tokens(1, 2, 3), tokens(1, 5, 3))).toBe(1);
    expect(parting(tokens(1, 2, 3), tokens(1, 2))).toBe(2);
  });

  it('changes first at the most bits whose text is another', () => {
    const was = tokens(1, 2);
    const other = tokens(1, 3);
    const at = (texts: Record<number, Token[]>) => (bits: number) => texts[bits] ?? null;
    expect(firstChange(was, at({ 8: was, 7: was, 6: other }))).toBe(6);
    expect(firstChange(was, at({ 8: was, 6: other })), '7 is not there yet').toBeUndefined();
    expect(firstChange(null, at({}))).toBeUndefined();
    expect(firstChange(was, () => was)).toBeNull();
  });

  it('is asked of the run’s own tokens, and kept under one name', () => {
    const m = { model: { slug: 'm' }, prompt_length: 2, tokens: tokens(7, 8, 9) } as unknown as RunManifest;
    const ask = writes(m, 'int2-g32');
    expect(ask.body).toMatchObject({ request: { model: 'm', tokens: [7, 8], precision_plan: planOf('int2-g32') } });
    expect(sent(ask, 'another'), 'the request names its model').toEqual(ask.body);
    expect(askKey(ask)).not.toBe(askKey(writes(m, null)));
  });
});

import type { QuantizationReport, QuantizedJson, WeightStatistics } from '../../api/types';
import { short } from '../../kit/text/format';
import { MOST_BITS } from './asks';

/** A slice's tensors as plain rows. */
export interface Slice {
  rows: [number, number];
  cols: [number, number];
  height: number;
  width: number;
  values: number[];
  codes: number[];
  decoded: number[];
  error: number[] | null;
  /** One per row of the window, or one in all. */
  scales: number[];
  zeros: number[] | null;
  /** The codes that there are. */
  least: number;
  most: number;
  definition: string;
  scheme: string;
}

const flat = (v: unknown): number[] => (Array.isArray(v) ? v.flatMap(flat) : [Number(v)]);

export function sliceFrom(j: QuantizedJson): Slice {
  const codes = flat(j.codes);
  const zeros = j.zero_points === undefined ? null : flat(j.zero_points);
  const { bits } = j.scheme;
  return {
    rows: [j.rows[0], j.rows[1]],
    cols: [j.cols[0], j.cols[1]],
    height: j.rows[1] - j.rows[0],
    width: j.cols[1] - j.cols[0],
    values: flat(j.values),
    codes,
    decoded: flat(j.decoded),
    error: j.error === undefined ? null : flat(j.error),
    scales: j.scales === undefined ? [] : flat(j.scales),
    zeros,
    least: zeros ? 0 : 1 - 2 ** (bits - 1),
    most: zeros ? 2 ** bits - 1 : 2 ** (bits - 1) - 1,
    definition: j.scheme.definition,
    scheme: j.scheme.name,
  };
}

/** Number of codes of a scheme with that many bits. */
export function codesOf(bits: number, zero: boolean): number {
  return zero ? 2 ** bits : 2 ** bits - 1;
}

/** One weight of the window, with what its code stands for written out. */
export function cellOf(s: Slice, output: number, input: number) {
  const r = Math.max(0, Math.min(output - s.rows[0], s.height - 1));
  const c = Math.max(0, Math.min(input - s.cols[0], s.width - 1));
  const i = r * s.width + c;
  const g = s.scales.length === 1 ? 0 : r;
  return {
    r,
    c,
    output: s.rows[0] + r,
    input: s.cols[0] + c,
    value: s.values[i],
    code: s.codes[i],
    scale: s.scales[g],
    zero: s.zeros ? s.zeros[g] : null,
    decoded: s.decoded[i],
    error: s.error ? s.error[i] : null,
  };
}

/** The weight of the window that is off most; the first of several. */
export function worstCell(s: Slice): [output: number, input: number] {
  let most = 0;
  (s.error ?? []).forEach((e, i, all) => {
    if (Math.abs(e) > Math.abs(all[most])) most = i;
  });
  return [s.rows[0] + Math.floor(most / s.width), s.cols[0] + (most % s.width)];
}

/** The row of the window whose largest weight is the smallest: an ordinary one beside the largest. */
export function plainRow(s: Slice): number {
  const tops = Array.from({ length: s.height }, (_, r) =>
    s.values.slice(r * s.width, (r + 1) * s.width).reduce((a, b) => Math.max(a, Math.abs(b)), 0),
  );
  return s.rows[0] + tops.indexOf(Math.min(...tops));
}

/** 0.5 → code 7 × scale 0.0714 = 0.5 */
export function sum(cell: ReturnType<typeof cellOf>): string {
  const code = cell.zero === null ? String(cell.code).replace('-', '−') : `(${cell.code} − ${cell.zero})`;
  return `${code} × ${short(cell.scale)} = ${short(cell.decoded)}`;
}

export const decibels = (db: number | null | undefined) =>
  db === null || db === undefined ? 'nothing lost' : `${db.toFixed(1)} dB`;

/** What one scheme loses of a matrix. */
export const lossOf = (s: WeightStatistics | null, scheme: string) =>
  s?.schemes.find((r) => r.scheme.name === scheme) ?? null;

/** Numbers that the codes of one group can stand for, within a range. */
export function levels(s: Slice, row: number, from: number, to: number): number[] {
  const g = s.scales.length === 1 ? 0 : row;
  const [scale, zero] = [s.scales[g], s.zeros ? s.zeros[g] : 0];
  const all: number[] = [];
  for (let code = s.least; code <= s.most; code++) {
    const level = scale * (code - zero);
    if (level >= from && level <= to) all.push(level);
  }
  return all;
}

/** The bits of one code beside the share of its scale and zero point. */
export function bitsOf(report: { bits_per_weight: number } | undefined): string {
  return report ? report.bits_per_weight.toFixed(2) : '';
}

export const atMost = (bits: number | null) => (bits === null ? null : Math.max(2, Math.min(MOST_BITS, bits)));

/** Whether the file holds the weight in blocks of few bits already. */
export function inFewBits(row: QuantizationReport['weights'][number] | null): boolean {
  return row !== null && !/^(F64|F32|F16|BF16|F8_\w+)$/.test(row.format);
}

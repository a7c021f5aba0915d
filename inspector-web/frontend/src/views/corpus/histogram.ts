/** A channel's histogram as the server lays it out: cells of powers of two. Pure; the layout is that of Histogram.java. */
import { short } from '../../kit/text/format';

/** Exponents of the outermost cells, which also have all smaller and all larger numbers. */
const LEAST = -8;
const MOST = 7;
const EXPONENTS = MOST - LEAST + 1;
export const ZERO = EXPONENTS;
/** The cell of NaN and infinities, which are in no other. */
export const NONFINITE = 2 * EXPONENTS + 1;

/** Bounds of a cell's values; that nearer to zero belongs to it. Zeros have a cell of their own, from 0 to 0. */
export function bounds(cell: number): { from: number; to: number } {
  if (cell === ZERO) return { from: 0, to: 0 };
  const size = cell < ZERO ? ZERO - 1 - cell : cell - ZERO - 1; // 0 for the smallest magnitudes
  const near = size === 0 ? 0 : 2 ** (LEAST + size);
  const far = size === EXPONENTS - 1 ? Infinity : 2 ** (LEAST + size + 1);
  return cell < ZERO ? { from: -far, to: -near } : { from: near, to: far };
}

/** A cell's values in words. */
export function cellName(cell: number): string {
  if (cell === ZERO) return 'exactly 0';
  const { from, to } = bounds(cell);
  if (from === -Infinity) return `${power(to)} and below`;
  if (to === Infinity) return `${power(from)} and above`;
  return `${power(from)} to ${power(to)}`;
}

/** The place of a bound on an axis on which cell i is from i - 0.5 to i + 0.5. */
export function placeOf(value: number): number {
  if (value === 0) return ZERO;
  const exponent = Math.log2(Math.abs(value)) - LEAST;
  return value > 0 ? ZERO + 0.5 + exponent : ZERO - 0.5 - exponent;
}

/** A power of two as people read it: 64, 1/64. */
const power = (v: number): string =>
  Math.abs(v) >= 1 || v === 0 ? short(v) : `${v < 0 ? '−' : ''}1/${1 / Math.abs(v)}`;

/** Powers of two that have ticks, every third. */
const TICKS = Array.from({ length: 5 }, (_, i) => 2 ** (3 * i - 6));

export interface Bars {
  /** Cells from the first to the last one that has a value, and those around zero. */
  first: number;
  last: number;
  ticks: { at: number; text: string }[];
  /** Finite values. */
  all: number;
  /** NaN and infinities. */
  nonfinite: number;
}

/** What of a histogram is drawn, and the ticks under it. */
export function barsOf(cells: number[]): Bars {
  const finite = cells.slice(0, NONFINITE);
  const has = (n: number) => n > 0;
  const first = Math.min(ZERO - 1, Math.max(0, finite.findIndex(has) - 1));
  const last = Math.max(ZERO + 1, Math.min(NONFINITE - 1, finite.findLastIndex(has) + 1));
  const ticks = [...TICKS.map((t) => -t).reverse(), 0, ...TICKS]
    .map((value) => ({ at: placeOf(value), text: power(value) }))
    .filter((t) => t.at >= first - 0.5 && t.at <= last + 0.5);
  return { first, last, ticks, all: finite.reduce((a, b) => a + b, 0), nonfinite: cells[NONFINITE] ?? 0 };
}

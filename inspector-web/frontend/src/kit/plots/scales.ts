/** Axes of charts: scales from the data's units to pixels, with ticks at round numbers. */
import { scaleLinear, scaleLog } from 'd3-scale';
import { short } from '../text/format';

export interface Axis {
  /** Title: the quantity with its unit. */
  title: string;
  domain: [number, number];
  log?: boolean;
  /** Names of places instead of round numbers. */
  ticks?: { at: number; text: string }[];
  format?: (value: number) => string;
}

export interface Scale {
  (value: number): number;
  invert(pixel: number): number;
  ticks: { at: number; text: string }[];
}

/** The axis as a scale over a stretch of pixels, with about `count` ticks. */
export function layAxis(axis: Axis, from: number, to: number, count: number): Scale {
  const [lo, hi] = axis.domain;
  const base = (axis.log ? scaleLog() : scaleLinear()).domain([lo, hi > lo ? hi : lo + 1]).range([from, to]);
  const scale = ((v: number) => base(axis.log ? Math.max(v, lo) : v)) as Scale;
  scale.invert = (pixel) => base.invert(pixel);
  const format = axis.format ?? short;
  // Of a log axis' many ticks only powers of ten have numbers, or 1, 2 and 5 where there are few powers.
  const decades = axis.log ? Math.log10(hi / lo) : 0;
  const named = (t: number) => !axis.log || (decades < 2 ? /^[125]e/ : /^1e/).test(t.toExponential());
  scale.ticks = axis.ticks ?? base.ticks(count).map((t) => ({ at: t, text: named(t) ? format(t) : '' }));
  return scale;
}

/** Lowest and highest of some values, widened by a share of their span; values that are no numbers do not count. */
export function extent(values: Iterable<number>, widen = 0.05): [number, number] {
  let [lo, hi] = [Infinity, -Infinity];
  for (const v of values) {
    if (v < lo && Number.isFinite(v)) lo = v;
    if (v > hi && Number.isFinite(v)) hi = v;
  }
  if (lo > hi) return [0, 1];
  const room = (hi - lo || Math.abs(hi) || 1) * widen;
  return [lo - room, hi + room];
}

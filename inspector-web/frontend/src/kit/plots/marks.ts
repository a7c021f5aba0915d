/** Marks of charts (lines, areas, bars, points, rules) and how each is drawn. Values are in the data's units, sizes in CSS pixels. */
import type { Colors } from '../paint/theme.svelte';

export type Color = keyof Colors;
/** A second sign beside colour, for readers who do not see that colour and for print. */
export type Dash = 'solid' | 'dashed' | 'dotted';
export type Shape = 'circle' | 'square' | 'diamond' | 'triangle' | 'cross';

interface Common {
  color: Color;
  alpha?: number;
  /** Name in the legend; marks without a name are not in it. */
  name?: string;
}
export interface Line extends Common {
  mark: 'line';
  x: ArrayLike<number>;
  y: ArrayLike<number>;
  width?: number;
  dash?: Dash;
  /** Points on the line, as large as this. */
  dots?: number;
}
export interface Area extends Common {
  mark: 'area';
  x: ArrayLike<number>;
  y: ArrayLike<number>;
}
export interface Bars extends Common {
  mark: 'bars';
  x: ArrayLike<number>;
  y: ArrayLike<number>;
  /** In CSS pixels. */
  width: number;
  /** Moves all bars to the side, in CSS pixels: groups stand beside each other. */
  shift?: number;
  hatched?: boolean;
}
export interface Points extends Common {
  mark: 'points';
  x: ArrayLike<number>;
  y: ArrayLike<number>;
  /** Radius, one for all or one each. */
  r?: number | ArrayLike<number>;
  shape?: Shape;
  labels?: (string | null)[];
}
export interface Rule extends Common {
  mark: 'rule';
  /** A vertical line at x, or a horizontal one at y. */
  x?: number;
  y?: number;
  dash?: Dash;
  label?: string;
}
export type Mark = Line | Area | Bars | Points | Rule;

/** From the data's units to CSS pixels. */
export type Place = (value: number) => number;

export interface Plane {
  x: Place;
  y: Place;
  left: number;
  right: number;
  top: number;
  bottom: number;
}

export const DASHES: Record<Dash, number[]> = { solid: [], dashed: [7, 4], dotted: [2, 4] };

export function drawMark(c: CanvasRenderingContext2D, mark: Mark, plane: Plane, colors: Colors): void {
  c.save();
  c.globalAlpha = mark.alpha ?? 1;
  c.strokeStyle = c.fillStyle = colors[mark.color];
  c.lineJoin = 'round';
  if (mark.mark === 'line') line(c, mark, plane);
  else if (mark.mark === 'area') area(c, mark, plane);
  else if (mark.mark === 'bars') bars(c, mark, plane, colors);
  else if (mark.mark === 'points') points(c, mark, plane, colors);
  else rule(c, mark, plane);
  c.restore();
}

function line(c: CanvasRenderingContext2D, m: Line, { x, y }: Plane): void {
  c.lineWidth = m.width ?? 2;
  c.setLineDash(DASHES[m.dash ?? 'solid']);
  c.beginPath();
  let pen = false;
  for (const i of seen(m.x, m.y, x)) {
    const [px, py] = [x(m.x[i]), y(m.y[i])];
    if (!Number.isFinite(px + py)) {
      pen = false;
      continue;
    }
    if (pen) c.lineTo(px, py);
    else c.moveTo(px, py);
    pen = true;
  }
  c.stroke();
  c.setLineDash([]);
  if (!m.dots) return;
  for (let i = 0; i < m.x.length; i++) {
    const [px, py] = [x(m.x[i]), y(m.y[i])];
    if (Number.isFinite(px + py)) dot(c, px, py, m.dots, 'circle');
  }
}

function area(c: CanvasRenderingContext2D, m: Area, { x, y, bottom }: Plane): void {
  const at = seen(m.x, m.y, x);
  if (at.length === 0) return;
  c.beginPath();
  c.moveTo(x(m.x[at[0]]), bottom);
  for (const i of at) c.lineTo(x(m.x[i]), y(m.y[i]));
  c.lineTo(x(m.x[at[at.length - 1]]), bottom);
  c.closePath();
  c.fill();
}

function bars(c: CanvasRenderingContext2D, m: Bars, { x, y, top, bottom }: Plane, colors: Colors): void {
  const zero = Math.max(top, Math.min(bottom, y(0)));
  const ground = Number.isFinite(zero) ? zero : bottom;
  for (let i = 0; i < m.x.length; i++) {
    const [px, py] = [x(m.x[i]) + (m.shift ?? 0) - m.width / 2, y(m.y[i])];
    if (!Number.isFinite(px + py)) continue;
    const [from, to] = [Math.min(py, ground), Math.max(py, ground)];
    c.fillRect(px, from, m.width, Math.max(0.5, to - from));
    if (m.hatched) hatch(c, px, from, m.width, to - from, colors.raised);
  }
}

/** White stripes across a bar: a second sign beside its colour. */
export function hatch(c: CanvasRenderingContext2D, x: number, y: number, w: number, h: number, ground: string): void {
  if (w < 3 || h < 3) return;
  c.save();
  c.beginPath();
  c.rect(x, y, w, h);
  c.clip();
  c.globalAlpha = 1;
  c.strokeStyle = ground;
  c.lineWidth = 1.25;
  c.beginPath();
  for (let d = -h; d < w; d += 5) {
    c.moveTo(x + d, y + h);
    c.lineTo(x + d + h, y);
  }
  c.stroke();
  c.restore();
}

const MOST_LABELS = 400;

function points(
  c: CanvasRenderingContext2D,
  m: Points,
  { x, y, left, right, top, bottom }: Plane,
  colors: Colors,
): void {
  const size = (i: number) => (typeof m.r === 'object' ? m.r[i] : (m.r ?? 3.5));
  const taken: [number, number, number, number][] = [];
  for (let i = 0; i < m.x.length; i++) {
    const [px, py] = [x(m.x[i]), y(m.y[i])];
    if (!(px >= left - 9 && px <= right + 9 && py >= top - 9 && py <= bottom + 9)) continue;
    dot(c, px, py, size(i), m.shape ?? 'circle');
  }
  if (!m.labels) return;
  c.globalAlpha = 1;
  c.fillStyle = colors.ink;
  c.textBaseline = 'middle';
  c.textAlign = 'left';
  // Earlier points keep their labels, later ones are written where there is room.
  for (let i = 0, written = 0; i < m.x.length && written < MOST_LABELS; i++) {
    const text = m.labels[i];
    const [px, py] = [x(m.x[i]), y(m.y[i])];
    if (!text || !(px >= left && px <= right && py >= top && py <= bottom)) continue;
    const w = c.measureText(text).width;
    const at = px + size(i) + 4;
    const box: [number, number, number, number] = [at, py - 7, at + w, py + 7];
    if (box[2] > right + 12 || taken.some((t) => t[0] < box[2] && box[0] < t[2] && t[1] < box[3] && box[1] < t[3]))
      continue;
    taken.push(box);
    c.fillText(text, at, py);
    written++;
  }
}

export function dot(c: CanvasRenderingContext2D, x: number, y: number, r: number, shape: Shape): void {
  c.beginPath();
  if (shape === 'circle') c.arc(x, y, r, 0, 2 * Math.PI);
  else if (shape === 'square') c.rect(x - 0.9 * r, y - 0.9 * r, 1.8 * r, 1.8 * r);
  else if (shape === 'cross') {
    c.lineWidth = Math.max(1.5, r / 2);
    c.moveTo(x - r, y - r);
    c.lineTo(x + r, y + r);
    c.moveTo(x + r, y - r);
    c.lineTo(x - r, y + r);
    return c.stroke();
  } else {
    const [down, wide] = shape === 'diamond' ? [1.25 * r, 1.25 * r] : [0.8 * r, 1.2 * r];
    c.moveTo(x, y - 1.25 * r);
    c.lineTo(x + wide, shape === 'diamond' ? y : y + down);
    if (shape === 'diamond') c.lineTo(x, y + down);
    c.lineTo(x - wide, shape === 'diamond' ? y : y + down);
    c.closePath();
  }
  c.fill();
}

function rule(c: CanvasRenderingContext2D, m: Rule, { x, y, left, right, top, bottom }: Plane): void {
  c.lineWidth = 1.25;
  c.setLineDash(DASHES[m.dash ?? 'dotted']);
  c.beginPath();
  if (m.x !== undefined) {
    c.moveTo(x(m.x), top);
    c.lineTo(x(m.x), bottom);
  }
  if (m.y !== undefined) {
    c.moveTo(left, y(m.y));
    c.lineTo(right, y(m.y));
  }
  c.stroke();
  if (!m.label) return;
  c.textBaseline = 'top';
  const at = m.x === undefined ? right : x(m.x);
  c.textAlign = at > (left + right) / 2 ? 'right' : 'left';
  c.fillText(m.label, at + (c.textAlign === 'right' ? -5 : 5), m.x === undefined ? y(m.y ?? 0) + 4 : top + 2);
}

/**
 * Which points of a line are drawn. Where many share a pixel, the first, the last, the lowest and the highest of it
 * look the same as all of them.
 */
export function seen(xs: ArrayLike<number>, ys: ArrayLike<number>, x: Place): number[] {
  const n = Math.min(xs.length, ys.length);
  if (n < 3000) return Array.from({ length: n }, (_, i) => i);
  const out: number[] = [];
  for (let i = 0; i < n;) {
    const pixel = Math.round(x(xs[i]));
    let [low, high, last] = [i, i, i];
    for (; last + 1 < n && Math.round(x(xs[last + 1])) === pixel; last++) {
      if (ys[last + 1] < ys[low]) low = last + 1;
      if (ys[last + 1] > ys[high]) high = last + 1;
    }
    const kept = [...new Set([i, low, high, last])].sort((a, b) => a - b);
    out.push(...kept);
    i = last + 1;
  }
  return out;
}

/** The point nearest to a place, and how far it is; -1 when there is none. */
export function nearest(
  xs: ArrayLike<number>,
  ys: ArrayLike<number>,
  { x, y }: Plane,
  px: number,
  py: number | null,
): { index: number; distance: number } {
  let [index, distance] = [-1, Infinity];
  for (let i = 0; i < xs.length; i++) {
    const dx = x(xs[i]) - px;
    const d = py === null ? Math.abs(dx) : Math.hypot(dx, y(ys[i]) - py);
    if (d < distance) [index, distance] = [i, d];
  }
  return { index, distance };
}

/** Patching as grids, one a hook point: shares, what a place can reach, and what the numbers say. Pure. */
import type { Analysis } from './paired';
import { called } from '../../kit/text/tokens';
import { share } from './words';

type Scores = Analysis['scores'][number];

/** A grid with its uppermost layer in row 0, as a model is drawn. */
export interface Grid {
  point: string;
  /** Layers of the rows. */
  layers: number[];
  /** Positions or heads of the columns. */
  columns: number[];
  by: 'pos' | 'head';
  /** Shares of the difference, row by row; NaN where a layer has no such place. */
  shares: Float64Array;
  /** The metric of the changed run. */
  values: Float64Array;
}

/**
 * Of denoising how much of the difference a value brings back, of noising how much it takes away.
 *
 * @param effect 0 as the corrupt run, 1 as the clean one
 */
export const shareOf = (effect: number, direction: 'denoise' | 'noise'): number =>
  direction === 'noise' ? 1 - effect : effect;

/** Which run is changed; of estimates it follows from the run at which the slope is taken. */
export const directionOf = ({ direction, convention }: Analysis['request']): 'denoise' | 'noise' =>
  direction ?? (convention === 'eap' ? 'noise' : 'denoise');

export const estimated = (a: Analysis): boolean => a.request.kind === 'attribution';

export function gridsOf(a: Analysis): Grid[] {
  return a.scores.flatMap((s) => (s.shape.length === 2 ? [gridOf(a, s)] : []));
}

function gridOf(a: Analysis, s: Scores): Grid {
  const [rows, cols] = s.shape;
  const by = s.axes[1] === 'head' ? 'head' : 'pos';
  const direction = directionOf(a.request);
  const { clean, corrupt } = a.metric;
  // An estimate is the metric's change.
  const base = s.effects ? 0 : direction === 'noise' ? clean : corrupt;
  const value = (i: number): number => (s.values[i] === null || s.values[i] === undefined ? NaN : s.values[i] + base);
  const effect = (i: number): number => (s.effects ? (s.effects[i] ?? NaN) : (value(i) - corrupt) / (clean - corrupt));
  const turned = (of: (i: number) => number) =>
    Float64Array.from({ length: rows * cols }, (_, i) => of((rows - 1 - Math.floor(i / cols)) * cols + (i % cols)));
  return {
    point: s.point,
    layers: [...s.layers].reverse(),
    columns: (by === 'pos' && s.positions) || Array.from({ length: cols }, (_, i) => i),
    by,
    shares: turned((i) => shareOf(effect(i), direction)),
    values: turned(value),
  };
}

/** The best estimates beside what was measured, both as shares of the difference. */
export function measuredShares(a: Analysis): { place: string; estimate: number; measured: number }[] {
  const whole = (a.metric.clean - a.metric.corrupt) * (directionOf(a.request) === 'noise' ? -1 : 1);
  return (a.measured ?? []).map((m) => ({
    place: m.place,
    estimate: m.estimate / whole,
    measured: m.measured / whole,
  }));
}

/** Where the colours end: at 1 at least, so that the whole difference has the same shade wherever it can. */
export function limitOf(grids: Grid[]): number {
  let most = 1;
  for (const g of grids) for (const v of g.shares) if (Math.abs(v) > most) most = Math.abs(v);
  return most;
}

/** A cell of a grid. */
export interface Cell {
  point: string;
  layer: number;
  column: number;
  share: number;
}

export function largest(g: Grid): Cell | null {
  let best = -1;
  g.shares.forEach((v, i) => {
    if (Number.isFinite(v) && (best < 0 || v > g.shares[best])) best = i;
  });
  if (best < 0) return null;
  const [row, col] = [Math.floor(best / g.columns.length), best % g.columns.length];
  return { point: g.point, layer: g.layers[row], column: g.columns[col], share: g.shares[best] };
}

/** The order in which a layer makes its values. */
export const ORDER = [
  'hook_resid_pre',
  'attn.hook_z',
  'hook_attn_out',
  'hook_resid_mid',
  'hook_mlp_out',
  'hook_resid_post',
];
const WRITES_BACK = new Set(['hook_attn_out', 'hook_mlp_out']);

/** Whether a value can change another one: those of later layers, and of its own what is computed after it, from its position on. */
export function reaches(
  from: Pick<Cell, 'point' | 'layer' | 'column'>,
  to: Pick<Cell, 'point' | 'layer' | 'column'>,
): boolean {
  if (to.column < from.column || to.layer < from.layer) return false;
  if (to.layer > from.layer) return true;
  const [a, b] = [ORDER.indexOf(from.point), ORDER.indexOf(to.point)];
  if (a === b) return to.column === from.column;
  if (a > b) return false;
  // Within a layer only attention moves between positions.
  return from.point === 'hook_resid_pre' && WRITES_BACK.has(to.point) ? true : to.column === from.column;
}

/** What a hook point is, in words. */
const POINTS: Record<string, string> = {
  hook_resid_pre: 'the residual stream before a layer',
  hook_attn_out: 'what attention adds',
  hook_mlp_out: 'what the MLP adds',
  'attn.hook_z': 'a head’s output',
};
export const pointWords = (point: string): string => POINTS[point] ?? point;

/** 'position 12, “,”' or 'head 3'. */
export function columnWords(a: Analysis, by: 'pos' | 'head', column: number): string {
  if (by === 'head') return `head ${column}`;
  const [x, y] = [a.clean.tokens[column], a.corrupt.tokens[column]];
  return `position ${column}, ${called(x)}${x?.id === y?.id ? '' : ` against ${called(y)}`}`;
}

/** Along the stream: at which positions the largest share lies, layer after layer, the first layer first. */
export function journey(g: Grid): { column: number; from: number; to: number }[] {
  const steps: { column: number; from: number; to: number }[] = [];
  for (let row = g.layers.length - 1; row >= 0; row--) {
    const line = g.shares.subarray(row * g.columns.length, (row + 1) * g.columns.length);
    let best = 0;
    line.forEach((v, i) => v > line[best] && (best = i));
    const last = steps.at(-1);
    const layer = g.layers[row];
    if (last && last.column === g.columns[best]) last.to = layer;
    else steps.push({ column: g.columns[best], from: layer, to: layer });
  }
  return steps;
}

const layers = (from: number, to: number): string => (from === to ? `before layer ${from}` : `up to layer ${to}`);

/** The finding: where the difference sits along the stream, or the one largest share. */
export function patchTitle(a: Analysis, grids: Grid[]): string {
  const title = measuredTitle(a, grids);
  return estimated(a) && grids.length > 0
    ? `By the estimate: ${title.charAt(0).toLowerCase()}${title.slice(1)}`
    : title;
}

function measuredTitle(a: Analysis, grids: Grid[]): string {
  const stream = grids.find((g) => g.point === 'hook_resid_pre' && g.by === 'pos');
  const path = stream ? journey(stream) : [];
  const token = (column: number) => called(a.clean.tokens[column]);
  if (path.length === 1) return `What makes the answer sits on ${token(path[0].column)} in every layer`;
  if (path.length > 1) {
    const [first, last] = [path[0], path.at(-1)!];
    return `What makes the answer sits on ${token(first.column)} ${layers(first.from, first.to)}, on ${token(last.column)} from layer ${last.from} on`;
  }
  const best = bestOf(grids);
  if (!best) return 'No place was changed';
  const { cell, by } = best;
  const what = by === 'head' ? `Head ${cell.column} of layer ${cell.layer}` : `Layer ${cell.layer}`;
  return `${what} ${verb(a)} most: ${share(cell.share)} of the difference`;
}

function bestOf(grids: Grid[]): { cell: Cell; by: Grid['by'] } | null {
  const all = grids.flatMap((g) => {
    const cell = largest(g);
    return cell ? [{ cell, by: g.by }] : [];
  });
  return all.reduce<(typeof all)[number] | null>((a, b) => (a && a.cell.share >= b.cell.share ? a : b), null);
}

export function verb(a: Analysis): string {
  const noise = directionOf(a.request) === 'noise';
  if (estimated(a)) return noise ? 'is estimated to take away' : 'is estimated to bring back';
  return noise ? 'takes away' : 'brings back';
}

/** The largest share of each grid, and where. */
export function patchSays(a: Analysis, grids: Grid[]): string[] {
  return grids.flatMap((g) => {
    const best = largest(g);
    if (!best) return [];
    return `${pointWords(g.point)} ${verb(a)} most at layer ${best.layer}, ${columnWords(a, g.by, best.column)}: ${share(best.share)}`;
  });
}

/** What the chapter asks: four optimizers down one surface from one place. */
import type { Descent, DescentRequest, RunManifest } from '../../api/types';
import type { Ask } from '../../state/scene';

export type WalkAsk = Ask<DescentRequest, Descent>;

export const KINDS = ['sgd', 'momentum', 'adam', 'adamw'] as const;
export type Kind = (typeof KINDS)[number];
export const NAMES: Record<Kind, string> = { sgd: 'SGD', momentum: 'Momentum', adam: 'Adam', adamw: 'AdamW' };
/** What AdamW shrinks a weight by at each step, times the rate: without it it would be Adam. */
export const DECAY = 0.1;

/** Place is the part of a surface that is drawn, where walks begin, and how large their steps are. */
export interface Place {
  low: number;
  high: number;
  x: number;
  y: number;
  rate: number;
  steps: number;
  /** Samples per side. */
  n: number;
}

export type Made = 'ravine' | 'bowl' | 'saddle' | 'rosenbrock' | 'himmelblau';
export const MADE: Record<Made, Place> = {
  ravine: { low: -5, high: 5, x: -4.2, y: 2.5, rate: 0.1, steps: 60, n: 61 },
  bowl: { low: -5, high: 5, x: -4, y: 3, rate: 0.1, steps: 60, n: 61 },
  saddle: { low: -3, high: 3, x: -2.5, y: 0.05, rate: 0.05, steps: 50, n: 61 },
  rosenbrock: { low: -2.5, high: 2.5, x: -1.5, y: 2, rate: 0.001, steps: 400, n: 61 },
  himmelblau: { low: -6, high: 6, x: 0.5, y: -0.5, rate: 0.01, steps: 80, n: 61 },
};
/** A slice of a real loss: 0, 0 is the model as it is; 1 is a step as long as the weights themselves. */
const FINE = 33;
export const SLICE: Place = { low: -0.6, high: 0.6, x: 0.4, y: 0.4, rate: 0.01, steps: 24, n: 11 };

const walkers = (rate: number) =>
  KINDS.map((kind) => ({ kind, learning_rate: rate, ...(kind === 'adamw' ? { weight_decay: DECAY } : {}) }));

const request = (surface: DescentRequest['surface'], place: Place): WalkAsk => ({
  path: '/optimizers',
  whole: true,
  body: {
    surface,
    start: [place.x, place.y],
    steps: place.steps,
    optimizers: walkers(place.rate),
    grid: { low: place.low, high: place.high, n: place.n },
  },
});

export const onMade = (name: Made, place: Place): WalkAsk => request({ function: name }, place);

export function onLoss(m: RunManifest, place: Place): WalkAsk {
  const tokens = m.tokens.slice(0, m.prompt_length).map((t) => t.id);
  return request({ loss: { model: m.model.slug, tokens, along: 'random', seed: 1 } }, place);
}

/** The same slice's heights alone, drawn finer. */
export function finer(m: RunManifest): WalkAsk {
  const ask = onLoss(m, SLICE);
  const { surface, grid } = ask.body;
  return { ...ask, body: { surface, optimizers: [], grid: { ...grid!, n: FINE } } };
}

/** The place with what a reader chose of it. */
export function chosen(place: Place, x: number | null, y: number | null, times: number): Place {
  return { ...place, x: x ?? place.x, y: y ?? place.y, rate: place.rate * times };
}

/** Where the walks began and ended, and how high the model as it is stands. */
export interface Ends {
  start: number;
  /** In the middle of an odd number of samples. */
  middle: number;
  steps: number;
  ends: [kind: Kind, value: number][];
}

export function endsOf(d: Descent, heights: number[][]): Ends | null {
  const at = (heights.length - 1) / 2;
  const [middle, start] = [heights[at]?.[at], d.paths[0]?.points[0]?.value];
  if (middle === undefined || start === undefined) return null;
  const last = (p: Descent['paths'][number]) => p.points[p.points.length - 1]?.value ?? NaN;
  return {
    start,
    middle,
    steps: Math.max(...d.paths.map((p) => p.points.length - 1)),
    ends: d.paths.map((p) => [p.kind as Kind, last(p)]),
  };
}

/** Whose last step lies lowest; one that left for infinity is out of it. */
export function lowest(d: Descent): Kind | null {
  let best: { kind: Kind; value: number } | null = null;
  for (const p of d.paths) {
    const value = p.points[p.points.length - 1]?.value;
    if (value !== undefined && Number.isFinite(value) && value < (best?.value ?? Infinity))
      best = { kind: p.kind as Kind, value };
  }
  return best?.kind ?? null;
}

/** Bytes that an optimizer remembers for each weight, in 32 bits. */
export const STATE_BYTES: Record<Kind, number> = { sgd: 0, momentum: 4, adam: 8, adamw: 8 };

export async function asks(m: RunManifest): Promise<Ask[]> {
  return [onMade('ravine', MADE.ravine), onLoss(m, SLICE)];
}

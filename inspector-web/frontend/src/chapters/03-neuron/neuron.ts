/** One neuron's arithmetic: weighted sum and activation function, also with a changed input. Pure. */
import type { Neuron } from '../../api/types';

export type Bend = Neuron['function'] | 'none';

/** The error function, to 1.2e-7 (Numerical Recipes, section 6.2). */
function erf(x: number): number {
  const t = 1 / (1 + Math.abs(x) / 2);
  const high =
    -0.18628806 + t * (0.27886807 + t * (-1.13520398 + t * (1.48851587 + t * (-0.82215223 + t * 0.17087277))));
  const power = -1.26551223 + t * (1.00002368 + t * (0.37409196 + t * (0.09678418 + t * high)));
  const tail = t * Math.exp(-x * x + power);
  return x >= 0 ? 1 - tail : tail - 1;
}
const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));

export const BENDS: Record<Exclude<Bend, 'xielu'>, (x: number) => number> = {
  none: (x) => x,
  relu: (x) => Math.max(0, x),
  relu_squared: (x) => Math.max(0, x) ** 2,
  gelu: (x) => 0.5 * x * (1 + erf(x / Math.SQRT2)),
  gelu_tanh: (x) => 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3))),
  gelu_quick: (x) => x * sigmoid(1.702 * x),
  silu: (x) => x * sigmoid(x),
};

export const BEND_NAMES: Record<Bend, string> = {
  none: 'none',
  relu: 'ReLU',
  relu_squared: 'ReLU²',
  gelu: 'GELU',
  gelu_tanh: 'GELU (tanh)',
  gelu_quick: 'GELU (quick)',
  silu: 'SiLU',
  xielu: 'xIELU',
};

/** Inputs whose weights are drawn and can be moved: those with the largest products. */
export const FEW = 3;

/** What is asked of a neuron: one input moved, or the weights of its first inputs, or the sum itself, or another function. */
export interface What {
  input: number | null;
  value: number | null;
  /** Of the first FEW inputs, as `weightsOf` reads them. */
  weights: string | null;
  z: number | null;
  function: 'own' | 'relu' | 'gelu' | 'silu' | 'none';
}

/** What comes of it. */
export interface Comes {
  /** The weighted sums: the one that is bent, and what it lets through where the neuron is gated. */
  sums: number[];
  activation: number;
  /** What the output vector is multiplied by. */
  post: number;
  /** Something is not as the model has it. */
  changed: boolean;
}

/** A function as this neuron has it: xIELU is what its layer made of it. */
export function curveOf(n: Neuron, bend: Bend): (x: number) => number {
  if (bend !== 'xielu') return BENDS[bend];
  const c = n.curve;
  if (!c) return () => NaN;
  return (x) => (x > 0 ? c.above * x * x : c.below * (Math.expm1(Math.min(x, c.eps)) - x)) + c.beta * x;
}

export const bendOf = (n: Neuron, what: What): Bend => (what.function === 'own' ? n.function : what.function);

/** A feature's part of a sum, where the sum lists it. */
export function inputOf(n: Neuron, sum: number, feature: number) {
  return n.sums[sum].sum.inputs.find((i) => i.feature === feature) ?? null;
}

/** Weights that a reader moved, '0.5,,-1': empty where the weight is the model's own. */
export function weightsOf(text: string | null): (number | null)[] {
  const said = (text ?? '').split(',');
  return Array.from({ length: FEW }, (_, i) => {
    const one = said[i]?.trim() ?? '';
    return one !== '' && Number.isFinite(Number(one)) ? Number(one) : null;
  });
}

/** The same with one of them moved; null where all are the model's own again. */
export function withWeight(text: string | null, at: number, weight: number | null): string | null {
  const all = weightsOf(text).map((w, i) => (i === at ? weight : w));
  return all.every((w) => w === null) ? null : all.map((w) => w ?? '').join(',');
}

/** The first products of a neuron's first sum, with the weights as they were moved, and what all others add to it. */
export function fewOf(n: Neuron, text: string | null) {
  const { inputs, z } = n.sums[0].sum;
  const moved = weightsOf(text);
  const few = inputs.slice(0, FEW).map((i, at) => ({ ...i, own: i.weight, weight: moved[at] ?? i.weight }));
  return { few, others: few.reduce((left, i) => left - i.value * i.own, z) };
}

export function comesOf(n: Neuron, what: What): Comes {
  const sums = n.sums.map(({ sum }, i) => {
    const input = what.input === null || what.value === null ? null : inputOf(n, i, what.input);
    return sum.z + (input && what.value !== null ? (what.value - input.value) * input.weight : 0);
  });
  if (what.weights !== null)
    sums[0] += fewOf(n, what.weights).few.reduce((by, i) => by + (i.weight - i.own) * i.value, 0);
  if (what.z !== null) sums[0] = what.z;
  const changed = sums.some((z, i) => z !== n.sums[i].sum.z) || bendOf(n, what) !== n.function;
  if (!changed) return { sums, activation: n.activation, post: n.post, changed };
  const activation = curveOf(n, bendOf(n, what))(sums[0]);
  return { sums, activation, post: activation * (n.gated ? sums[1] : 1), changed };
}

/** How far the curve is drawn, about everything that went in. */
export function domainOf(values: number[]): [number, number] {
  const [lo, hi] = [Math.min(-4, ...values), Math.max(4, ...values)];
  const air = (hi - lo) * 0.06;
  return [lo - air, hi + air];
}

/** 'attention of layer 2' for blocks.2.hook_attn_out. */
export function partName(hook: string): string {
  const layer = /^blocks\.(\d+)\./.exec(hook)?.[1];
  const what = hook.includes('attn_out')
    ? 'attention'
    : hook.includes('conv_out')
      ? 'convolution'
      : hook.includes('mlp_out')
        ? 'feed-forward'
        : hook.includes('pos_embed')
          ? 'position’s vector'
          : 'token’s own vector';
  return layer === undefined ? what : `${what} of layer ${layer}`;
}

/** Where the neuron fires most: the position of the value farthest from 0. Below 0 it writes its vector turned about. */
export function strongest(values: ArrayLike<number>, end: number): number | null {
  let best: number | null = null;
  for (let i = 0; i < end; i++) if (best === null || Math.abs(values[i]) > Math.abs(values[best])) best = i;
  return best;
}

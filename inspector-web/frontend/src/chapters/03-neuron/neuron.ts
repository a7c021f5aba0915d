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

/** What is asked of a neuron: one input moved, or the sum itself, or another function. */
export interface What {
  input: number | null;
  value: number | null;
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

export function comesOf(n: Neuron, what: What): Comes {
  const sums = n.sums.map(({ sum }, i) => {
    const input = what.input === null || what.value === null ? null : inputOf(n, i, what.input);
    return sum.z + (input && what.value !== null ? (what.value - input.value) * input.weight : 0);
  });
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

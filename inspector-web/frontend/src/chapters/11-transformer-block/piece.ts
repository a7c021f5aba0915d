/** What a drawn block is made of: its pieces, their steps, and the values that a step gives. Pure. */
import type { DecoderSpec } from '../../api/types';
import type { BlockPart } from '../../kit/plots/block';
import { short } from '../../kit/text/format';

export type Layer = DecoderSpec['layers'][number];
export type Attention = NonNullable<Layer['attention']>;
export type Experts = NonNullable<Layer['mlp']['experts']>;
/** `attention` is what the first branch does, also where a short convolution stands in its place; a recurrence stands in its place or beside it. */
export type PieceId = 'ln1' | 'attention' | 'recurrence' | 'ln1_post' | 'laurel' | 'ln2' | 'mlp' | 'ln2_post' | 'ple';

/** Shape of what a step gives, one token's; `lines` of them are drawn one above the other. */
export interface Values {
  name: string;
  /** Without the layer: attn.hook_q. */
  hook: string;
  color: 'q' | 'k' | 'v' | 'attn' | 'neuron' | 'resid';
  /** A row per head, a column per position: scores and shares. */
  square?: boolean;
}

export interface Step {
  /** As POST /cost and POST /timeline call it. */
  part: string;
  name: string;
  shape: string;
  says: string;
  tex: string;
  words: string;
  values: Values[];
  /** Folder of the chapter that introduced it. */
  chapter: string;
}

export interface Piece extends BlockPart {
  id: PieceId;
  role: string;
  steps: Step[];
}

/** LaTeX and name of each activation function. */
export const NEURON: Record<string, [tex: string, name: string]> = {
  relu: ['\\max(x,0)', 'ReLU'],
  relu_squared: ['\\max(x,0)^2', 'squared ReLU'],
  gelu: ['x\\,\\Phi(x)', 'GELU'],
  gelu_tanh: ['x\\,\\Phi(x)', 'GELU (tanh)'],
  gelu_quick: ['x\\,\\sigma(1.702x)', 'quick GELU'],
  silu: ['x\\,\\sigma(x)', 'SiLU'],
  xielu: ['\\begin{cases}\\alpha_p x^2+\\beta x&x>0\\\\\\alpha_n(e^x-1-x)+\\beta x&x\\le 0\\end{cases}', 'xIELU'],
};
export const activationName = (a: string): string => NEURON[a]?.[1] ?? a;
export const normName = (kind: string): string => (kind === 'rms' ? 'RMSNorm' : 'LayerNorm');

/** The smallest and the largest ALiBi slope of a layer's heads, in words. */
export function slopesOf(alibi: NonNullable<Attention['alibi']>): string {
  const all = alibi.slopes.map((s) => s * alibi.factor);
  return `${short(Math.max(...all))} to ${short(Math.min(...all))}`;
}

/** What a part adds: what its last matrix makes, times the layer's factor where it has one. */
export function timesScale(l: Layer, tex: string, words: string, sum: boolean): { tex: string; words: string } {
  if (l.residual_scale == null) return { tex: `y=${tex}`, words: `y = ${words}` };
  const s = short(l.residual_scale);
  return { tex: `y=${s}\\,${sum ? `(${tex})` : tex}`, words: `y = ${s} times ${words}` };
}

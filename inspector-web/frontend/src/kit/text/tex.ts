/** LaTeX with live numbers and the story's colours. Pure: what draws it is Formula.svelte. */
import { short } from './format';
import type { Concept } from '../paint/theme.svelte';

/** \cq{...} and so on: what belongs to a concept has its colour. */
const TINTS: Concept[] = ['token', 'embed', 'neuron', 'attn', 'q', 'k', 'v', 'resid', 'logit', 'train', 'quant', 'kv'];

export const MACROS: Record<string, string> = Object.fromEntries(
  TINTS.map((c) => [`\\c${c}`, `\\htmlClass{tint-${c}}{#1}`]),
);

/** A number as LaTeX: four digits, a real minus, powers of ten written as powers. */
export function texNumber(x: number): string {
  if (Number.isNaN(x)) return '\\text{NaN}';
  if (!Number.isFinite(x)) return x > 0 ? '\\infty' : '-\\infty';
  const a = Math.abs(x);
  if (a !== 0 && (a >= 1e6 || a < 1e-4)) {
    const [mantissa, exponent] = x.toExponential(1).split('e');
    return `${mantissa}\\times10^{${Number(exponent)}}`;
  }
  return short(x).replace('−', '-');
}

const SPECIAL: Record<string, string> = {
  '\\': '\\textbackslash{}',
  '^': '\\textasciicircum{}',
  '~': '\\textasciitilde{}',
};

/** Text of a token, safe inside \text{}. */
export function texText(text: string): string {
  return text.replace(/[\\{}$&#^_%~]/g, (c) => SPECIAL[c] ?? `\\${c}`);
}

/** Puts the live values where the formula has \live{name}; a name without a value is an error of the formula. */
export function fill(tex: string, live: Record<string, number | string>): string {
  return tex.replace(/\\live\{(\w+)\}/g, (_, name: string) => {
    const value = live[name];
    if (value === undefined) throw new Error(`the formula shows ${name}, which has no value`);
    return `\\htmlClass{live}{${typeof value === 'number' ? texNumber(value) : `\\text{${texText(value)}}`}}`;
  });
}

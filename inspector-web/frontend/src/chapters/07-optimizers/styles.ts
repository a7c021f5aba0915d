/** How each optimizer is drawn: a colour, and a second sign for those who do not see it. */
import type { Colors } from '../../kit/paint/theme.svelte';
import type { Dash, Shape } from '../../kit/plots/marks';
import type { Kind } from './walks';

export const STYLE: Record<Kind, { color: keyof Colors; dash: Dash; shape: Shape }> = {
  sgd: { color: 'q', dash: 'solid', shape: 'circle' },
  momentum: { color: 'k', dash: 'dashed', shape: 'square' },
  adam: { color: 'v', dash: 'dotted', shape: 'diamond' },
  adamw: { color: 'quant', dash: 'dashed', shape: 'triangle' },
};

/** Outline of a shape around 0, 0 as an SVG path. */
export const OUTLINES: Record<Shape, string> = {
  circle: 'M-5 0a5 5 0 1 0 10 0a5 5 0 1 0-10 0z',
  square: 'M-4.4-4.4h8.8v8.8h-8.8z',
  diamond: 'M0-6.2 6.2 0 0 6.2-6.2 0z',
  triangle: 'M0-5.6 5.4 4.6h-10.8z',
  cross: 'M-5-5 5 5M5-5-5 5',
};

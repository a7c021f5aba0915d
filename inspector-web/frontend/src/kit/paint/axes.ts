import type { Colors } from '../theme.svelte';
import { NUMBER_FONT } from './labels';

export interface Margins {
  top: number;
  right: number;
  bottom: number;
  left: number;
}

/** Thin lines across a chart, each with its number at the left where it has one; leaves the font of axes set. */
export function levels(
  c: CanvasRenderingContext2D,
  colors: Colors,
  m: Margins,
  width: number,
  at: { y: number; text: string }[],
): void {
  c.font = NUMBER_FONT;
  c.lineWidth = 1;
  c.textAlign = 'right';
  c.textBaseline = 'middle';
  c.strokeStyle = colors.rule;
  c.fillStyle = colors.ink2;
  for (const { y, text } of at) {
    c.beginPath();
    c.moveTo(m.left, Math.round(y) + 0.5);
    c.lineTo(width - m.right, Math.round(y) + 0.5);
    c.stroke();
    c.fillText(text, m.left - 8, y);
  }
}

import { clip, visible } from '../text/tokens';

export const LABEL_FONT = '13px "Source Sans 3 Variable", sans-serif';
export const NUMBER_FONT = '11.5px "IBM Plex Mono", monospace';

/** Label of a token on an axis: its visible text, short. */
export function axisLabel(text: string): string {
  return clip(visible(text), 9);
}

/** Widest of these texts, in CSS pixels. */
export function widest(context: CanvasRenderingContext2D, texts: string[], font = LABEL_FONT): number {
  context.font = font;
  let width = 0;
  for (const t of texts) width = Math.max(width, context.measureText(t).width);
  return width;
}

/** Step between labels that fit: each is `pitch` pixels from the next and needs `needed`. */
export function stride(pitch: number, needed: number): number {
  return Math.max(1, Math.ceil(needed / Math.max(pitch, 0.001)));
}

/** Canvases that can be drawn again elsewhere: on the screen as pixels, in a saved picture as vectors. */

/** What draws a canvas: it prepares the canvas, then draws in CSS pixels. */
export type Draw = (canvas: HTMLCanvasElement) => void;

const drawers = new WeakMap<HTMLCanvasElement, Draw>();
/** While a canvas is drawn for a file: which one, and what it is drawn on. */
let elsewhere: { canvas: HTMLCanvasElement; context: CanvasRenderingContext2D } | null = null;

/** An attachment that draws a canvas, and remembers how. */
export function drawn(draw: Draw): (canvas: HTMLCanvasElement) => void {
  return (canvas) => {
    drawers.set(canvas, draw);
    draw(canvas);
  };
}

/** Draws a canvas once more, on another context. False if nobody said how it is drawn. */
export function redraw(canvas: HTMLCanvasElement, context: CanvasRenderingContext2D): boolean {
  const draw = drawers.get(canvas);
  if (!draw) return false;
  elsewhere = { canvas, context };
  try {
    draw(canvas);
  } finally {
    elsewhere = null;
  }
  return true;
}

/** Device pixels of a CSS pixel, as far as anybody sees the difference. */
export function density(): number {
  return Math.min(window.devicePixelRatio || 1, 3);
}

/** Sizes a canvas for the screen's pixels and gives a context that draws in CSS pixels. */
export function prepare(canvas: HTMLCanvasElement, width: number, height: number): CanvasRenderingContext2D | null {
  if (elsewhere?.canvas === canvas) return elsewhere.context;
  const d = density();
  const w = Math.max(1, Math.round(width * d));
  const h = Math.max(1, Math.round(height * d));
  if (canvas.width !== w) canvas.width = w;
  if (canvas.height !== h) canvas.height = h;
  const context = canvas.getContext('2d');
  context?.setTransform(d, 0, 0, d, 0, 0);
  context?.clearRect(0, 0, width, height);
  return context;
}

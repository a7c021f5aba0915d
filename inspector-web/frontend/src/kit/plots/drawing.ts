/** Drawing functions of canvases, kept so that a saved picture can call them again: pixels on the screen, vectors in SVG. */
import { createSubscriber } from 'svelte/reactivity';

/** A function that draws a canvas: it prepares the canvas, then draws in CSS pixels. */
export type Draw = (canvas: HTMLCanvasElement) => void;

const drawers = new WeakMap<HTMLCanvasElement, Draw>();
/** The canvas that is being drawn for a file, and the context that it is drawn on; null otherwise. */
let elsewhere: { canvas: HTMLCanvasElement; context: CanvasRenderingContext2D } | null = null;

/** A canvas on the page. Far from the view it is not drawn again until it comes near, or is printed. */
class Place {
  #near = true;
  #missed = false;
  #update = () => {};
  readonly #read: () => void;

  constructor(canvas: Element) {
    this.#read = createSubscriber((update) => {
      this.#update = update;
      places.set(canvas, this);
      watching().observe(canvas);
      return () => {
        watching().unobserve(canvas);
        places.delete(canvas);
      };
    });
  }

  set near(near: boolean) {
    this.#near = near;
    if (near && this.#missed) this.#update();
  }

  /** Whether it is to be drawn; an effect that reads it runs again when it has to. */
  get near(): boolean {
    this.#read();
    this.#missed = !this.#near;
    return this.#near;
  }
}

const places = new Map<Element, Place>();
/** How far from the view a canvas is kept up to date, also inside what scrolls by itself. */
const NEAR = { rootMargin: '400px', scrollMargin: '400px' };
let observer: IntersectionObserver | undefined;

function watching(): IntersectionObserver {
  if (!observer) {
    observer = new IntersectionObserver((seen) => {
      for (const { target, isIntersecting } of seen) {
        const place = places.get(target);
        if (place) place.near = isIntersecting;
      }
    }, NEAR);
    addEventListener('beforeprint', () => places.forEach((place) => (place.near = true)));
  }
  return observer;
}

/** An attachment that draws a canvas and keeps its drawing function for saved pictures. */
export function drawn(draw: Draw): (canvas: HTMLCanvasElement) => void {
  return (canvas) => {
    drawers.set(canvas, draw);
    const place = places.get(canvas) ?? new Place(canvas);
    if (place.near) draw(canvas);
  };
}

/** Draws a canvas once more, on another context. False for a canvas that has no `drawn` attachment. */
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

/** Device pixels of a CSS pixel, at most as many as the eye resolves. */
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

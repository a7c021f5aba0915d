import type { Ramp } from './ramps';

/** Scale turns a value into 0..1 on a ramp. */
export type Scale = (value: number) => number;

export function linear(lo: number, hi: number): Scale {
  const span = hi - lo || 1;
  return (v) => (v - lo) / span;
}

/** Logarithmic scale over `decades` powers of ten below hi: small weights stay visible. */
export function logarithmic(hi: number, decades = 4): Scale {
  return (v) => (v <= 0 ? 0 : Math.max(0, 1 + Math.log10(v / hi) / decades));
}

/** Linear scale that is symmetric about zero: 0 becomes 0.5. */
export function symmetric(limit: number): Scale {
  return (v) => 0.5 + v / (2 * (limit || 1));
}

/**
 * Paints a matrix, a pixel per value, straight into ImageData.
 *
 * @param causal leave values whose column is past their row transparent: the query may not look there
 */
export function paintMatrix(
  values: ArrayLike<number>,
  rows: number,
  cols: number,
  scale: Scale,
  ramp: Ramp,
  causal = false,
): ImageData {
  const image = new ImageData(cols, rows);
  const pixels = new Uint32Array(image.data.buffer);
  for (let r = 0; r < rows; r++) {
    const end = causal ? Math.min(cols, r + 1) : cols;
    for (let c = 0; c < end; c++) {
      const t = scale(values[r * cols + c]);
      pixels[r * cols + c] = ramp.packed[t >= 1 ? 255 : t > 0 ? Math.round(t * 255) : 0];
    }
  }
  return image;
}

/** The image on a canvas of its own, to be drawn at any size without smoothing. */
export function toCanvas(image: ImageData): HTMLCanvasElement {
  const canvas = document.createElement('canvas');
  canvas.width = image.width;
  canvas.height = image.height;
  canvas.getContext('2d')?.putImageData(image, 0, 0);
  return canvas;
}

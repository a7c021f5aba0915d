/** Painting of matrices: images of cells for heatmaps, vector strips and matrix products. */
import { toCanvas, type Scale } from '../paint/matrix';
import type { Ramp } from '../paint/ramps';
import { density } from './drawing';
import { edges, pool, type View } from '../data/pool';

export interface Matrix {
  /** [rows, cols], row after row. */
  values: ArrayLike<number>;
  rows: number;
  cols: number;
  scale: Scale;
  ramp: Ramp;
  /** Values lie about zero: of many in a pixel the one farthest from zero is shown. */
  signed?: boolean;
  /** Causal: cells right of the diagonal do not exist. */
  causal?: boolean;
}

export interface Box {
  x: number;
  y: number;
  w: number;
  h: number;
}

/** A picture of a part of a matrix: an image, and which cells it covers. */
export interface CellImage {
  image: HTMLCanvasElement;
  covers: View;
}

/** Paints what is seen of a matrix, a pixel a cell, or a pixel many where cells are finer than the screen. */
export function cellImage(m: Matrix, view: View, w: number, h: number): CellImage {
  const d = density();
  const rowEdges = edges(view.top, view.bottom, h * d);
  const colEdges = edges(view.left, view.right, w * d);
  const exists = m.causal ? (row: number) => Math.min(m.cols, row + 1) : undefined;
  const pooled = pool(m.values, m.cols, rowEdges, colEdges, m.signed ?? false, exists);
  const pixels = new Uint32Array(pooled.rows * pooled.cols);
  for (let i = 0; i < pixels.length; i++) {
    const v = pooled.values[i];
    if (Number.isNaN(v)) continue;
    const t = m.scale(v);
    pixels[i] = m.ramp.packed[t >= 1 ? 255 : t > 0 ? Math.round(t * 255) : 0];
  }
  const image = new ImageData(new Uint8ClampedArray(pixels.buffer), pooled.cols, pooled.rows);
  const covers = { top: rowEdges[0], bottom: rowEdges.at(-1)!, left: colEdges[0], right: colEdges.at(-1)! };
  return { image: toCanvas(image), covers };
}

/** Layout of the cells: x of a column, y of a row, and the width and height of a cell, in CSS pixels. */
export interface Grid {
  x: (col: number) => number;
  y: (row: number) => number;
  cell: number;
  tall: number;
}

export function grid(box: Box, view: View): Grid {
  const cell = box.w / (view.right - view.left || 1);
  const tall = box.h / (view.bottom - view.top || 1);
  return {
    cell,
    tall,
    x: (col) => box.x + (col - view.left) * cell,
    y: (row) => box.y + (row - view.top) * tall,
  };
}

/** The cell at a place, or null beside the matrix and where no value exists. */
export function cellAt(m: Matrix, box: Box, view: View, x: number, y: number): { row: number; col: number } | null {
  if (x < box.x || y < box.y || x >= box.x + box.w || y >= box.y + box.h) return null;
  const g = grid(box, view);
  const col = Math.min(m.cols - 1, Math.floor(view.left + (x - box.x) / g.cell));
  const row = Math.min(m.rows - 1, Math.floor(view.top + (y - box.y) / g.tall));
  return m.causal && col > row ? null : { row, col };
}

/** Draws the image into its box, cut at the box's edges. */
export function drawCells(c: CanvasRenderingContext2D, made: CellImage, box: Box, view: View, ground: string): void {
  const g = grid(box, view);
  const { covers } = made;
  c.save();
  c.beginPath();
  c.rect(box.x, box.y, box.w, box.h);
  c.clip();
  c.fillStyle = ground;
  c.fillRect(box.x, box.y, box.w, box.h);
  c.imageSmoothingEnabled = false;
  const [w, h] = [(covers.right - covers.left) * g.cell, (covers.bottom - covers.top) * g.tall];
  c.drawImage(made.image, g.x(covers.left), g.y(covers.top), w, h);
  c.restore();
}

export const CELL_FONT = '11px "IBM Plex Mono", monospace';
/** A cell has room for its number from this size on. */
const ROOM = { w: 36, h: 16 };

/** Writes each cell's number into it, where there is room. */
export function drawNumbers(
  c: CanvasRenderingContext2D,
  m: Matrix,
  box: Box,
  view: View,
  text: (value: number) => string,
): void {
  const g = grid(box, view);
  if (g.cell < ROOM.w || g.tall < ROOM.h) return;
  c.save();
  c.beginPath();
  c.rect(box.x, box.y, box.w, box.h);
  c.clip();
  c.font = CELL_FONT;
  c.textAlign = 'center';
  c.textBaseline = 'middle';
  const last = Math.min(m.rows, Math.ceil(view.bottom));
  for (let r = Math.floor(view.top); r < last; r++) {
    const end = Math.min(m.cols, Math.ceil(view.right), m.causal ? r + 1 : Infinity);
    for (let k = Math.floor(view.left); k < end; k++) {
      const v = m.values[r * m.cols + k];
      if (Number.isNaN(v)) continue;
      c.fillStyle = m.ramp.ink(m.scale(v));
      c.fillText(text(v), g.x(k + 0.5), g.y(r + 0.5), g.cell - 4);
    }
  }
  c.restore();
}

/** A frame around cells, cut at the edges of what is seen. */
export function frame(
  c: CanvasRenderingContext2D,
  box: Box,
  view: View,
  cells: View,
  color: string,
  width = 1.5,
): void {
  const g = grid(box, view);
  const left = Math.max(box.x, g.x(cells.left));
  const right = Math.min(box.x + box.w, g.x(cells.right));
  const top = Math.max(box.y, g.y(cells.top));
  const bottom = Math.min(box.y + box.h, g.y(cells.bottom));
  if (right <= left || bottom <= top) return;
  c.strokeStyle = color;
  c.lineWidth = width;
  const out = width / 2;
  c.strokeRect(left - out, top - out, Math.max(right - left, 2) + width, Math.max(bottom - top, 2) + width);
}

export const oneRow = (row: number, end: number): View => ({ top: row, bottom: row + 1, left: 0, right: end });
export const oneCol = (col: number, rows: number): View => ({ top: 0, bottom: rows, left: col, right: col + 1 });
export const oneCell = (row: number, col: number): View => ({ top: row, bottom: row + 1, left: col, right: col + 1 });

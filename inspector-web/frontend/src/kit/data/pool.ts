/** Max pooling of matrices whose cells are finer than a pixel, and the view that zooms into them. */

/** Which part of a matrix is seen, in cells: [top, bottom) and [left, right), fractions allowed. */
export interface View {
  top: number;
  bottom: number;
  left: number;
  right: number;
}

export function whole(rows: number, cols: number): View {
  return { top: 0, bottom: rows, left: 0, right: cols };
}

/** Fewest cells that a view shows across. */
const CLOSEST = 4;

/**
 * The view zoomed by a factor about a fixed point.
 *
 * @param x the fixed column, in cells
 * @param y the fixed row, in cells
 */
export function zoom(view: View, rows: number, cols: number, factor: number, x: number, y: number): View {
  const grow = (from: number, to: number, at: number, size: number): [number, number] => {
    const span = Math.max(Math.min(CLOSEST, size), Math.min(size, (to - from) / factor));
    const share = (at - from) / (to - from || 1);
    return slide(at - share * span, span, size);
  };
  const [top, bottom] = grow(view.top, view.bottom, y, rows);
  const [left, right] = grow(view.left, view.right, x, cols);
  return { top, bottom, left, right };
}

/** The view moved by rows and columns, within the matrix. */
export function pan(view: View, rows: number, cols: number, dx: number, dy: number): View {
  const [top, bottom] = slide(view.top + dy, view.bottom - view.top, rows);
  const [left, right] = slide(view.left + dx, view.right - view.left, cols);
  return { top, bottom, left, right };
}

/** The view moved as little as it takes to show a cell. */
export function reveal(view: View, rows: number, cols: number, row: number, col: number): View {
  const by = (from: number, to: number, cell: number) =>
    cell < from ? cell - from : cell + 1 > to ? cell + 1 - to : 0;
  return pan(view, rows, cols, by(view.left, view.right, col), by(view.top, view.bottom, row));
}

export function isWhole(view: View, rows: number, cols: number): boolean {
  return view.top <= 0 && view.left <= 0 && view.bottom >= rows && view.right >= cols;
}

function slide(from: number, span: number, size: number): [number, number] {
  const start = Math.max(0, Math.min(from, size - span));
  return [start, start + span];
}

/** Pooled is a smaller matrix in which every value is the strongest of a block. */
export interface Pooled {
  values: Float64Array;
  rows: number;
  cols: number;
}

/**
 * The strongest value of each block: the largest, or for signed values the one farthest from zero, sign kept.
 * A block none of whose values is a number, or none of which exists, is NaN.
 *
 * @param values [rows, cols], row after row
 * @param rowEdges where blocks begin and end, in rows: n + 1 whole numbers for n blocks
 * @param exists how many values of a row exist, from its left; all of them by default
 */
export function pool(
  values: ArrayLike<number>,
  cols: number,
  rowEdges: ArrayLike<number>,
  colEdges: ArrayLike<number>,
  signed: boolean,
  exists: (row: number) => number = () => cols,
): Pooled {
  const [m, n] = [rowEdges.length - 1, colEdges.length - 1];
  const out = new Float64Array(m * n).fill(NaN);
  const strength = signed ? Math.abs : (v: number) => v;
  for (let i = 0; i < m; i++) {
    for (let r = rowEdges[i]; r < rowEdges[i + 1]; r++) {
      const end = exists(r);
      for (let j = 0; j < n && colEdges[j] < end; j++) {
        const to = Math.min(end, colEdges[j + 1]);
        let best = out[i * n + j];
        for (let c = colEdges[j]; c < to; c++) {
          const v = values[r * cols + c];
          if (strength(v) > strength(best) || best !== best) best = v;
        }
        out[i * n + j] = best;
      }
    }
  }
  return { values: out, rows: m, cols: n };
}

/**
 * Edges of blocks over [from, to), each at least one cell, no more of them than there are pixels.
 * The first begins at or before from, the last ends at or after to.
 */
export function edges(from: number, to: number, pixels: number): Int32Array {
  const [first, last] = [Math.floor(from), Math.ceil(to)];
  const n = Math.max(1, Math.min(last - first, Math.floor(pixels)));
  return Int32Array.from({ length: n + 1 }, (_, i) => first + Math.round((i * (last - first)) / n));
}

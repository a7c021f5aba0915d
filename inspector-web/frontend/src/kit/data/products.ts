/** Sums of products, term by term. */

/** Term is one product of a dot product. */
export interface Term {
  index: number;
  a: number;
  b: number;
  product: number;
}

export interface Sum {
  /** Largest product first, whatever its sign. */
  terms: Term[];
  /** Sum of all terms. */
  total: number;
}

/** a . b written out. Both have the same length. */
export function dot(a: ArrayLike<number>, b: ArrayLike<number>): Sum {
  if (a.length !== b.length) throw new Error(`a dot product of ${a.length} and ${b.length} numbers`);
  const terms = Array.from({ length: a.length }, (_, i) => ({ index: i, a: a[i], b: b[i], product: a[i] * b[i] }));
  const total = terms.reduce((sum, t) => sum + t.product, 0);
  terms.sort((s, t) => Math.abs(t.product) - Math.abs(s.product));
  return { terms, total };
}

/** Sum of the terms after the first `shown`. */
export function rest({ terms }: Sum, shown: number): number {
  return terms.slice(shown).reduce((sum, t) => sum + t.product, 0);
}

/** One row of a matrix, without copying where the matrix is a typed array. */
export function rowOf(values: Float32Array, cols: number, row: number): Float32Array;
export function rowOf(values: ArrayLike<number>, cols: number, row: number): ArrayLike<number>;
export function rowOf(values: ArrayLike<number>, cols: number, row: number): ArrayLike<number> {
  const [from, to] = [row * cols, (row + 1) * cols];
  if (values instanceof Float32Array || values instanceof Float64Array) return values.subarray(from, to);
  return Array.prototype.slice.call(values, from, to);
}

/** One column of a matrix. */
export function columnOf(values: ArrayLike<number>, rows: number, cols: number, col: number): Float64Array {
  return Float64Array.from({ length: rows }, (_, r) => values[r * cols + col]);
}

/** [rows, cols] to [cols, rows]. */
export function transpose(values: ArrayLike<number>, rows: number, cols: number): Float32Array {
  const out = new Float32Array(rows * cols);
  for (let r = 0; r < rows; r++) for (let c = 0; c < cols; c++) out[c * rows + r] = values[r * cols + c];
  return out;
}

/** Largest magnitude; 0 of nothing. */
export function reach(values: ArrayLike<number>): number {
  let most = 0;
  for (let i = 0; i < values.length; i++) {
    const a = Math.abs(values[i]);
    if (a > most && a < Infinity) most = a;
  }
  return most;
}

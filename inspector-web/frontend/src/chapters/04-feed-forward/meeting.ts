/** Where tokens meet neurons: part of the first matrix product of a feed-forward part, with the numbers that it is made of. */
import { api } from '../../api/client';
import type { Source } from '../../api/source';
import type { Norm } from '../../api/types';

export interface Meeting {
  layer: number;
  /** Neurons [first, first + count). */
  first: number;
  count: number;
  /** What the tokens read, [pos, d_model]: after the norm and its weight. */
  reads: Float32Array;
  /** The neurons' rows of the first matrix, [count, d_model]. */
  rows: Float32Array;
  /** [count]; zeros where there is none. */
  bias: Float32Array;
  /** The sums as the model made them, [pos, count]. */
  sums: Float32Array;
  positions: number;
  dModel: number;
}

/** How many neurons stand side by side. */
export const SIDE_BY_SIDE = 24;

/** The window of neurons that one is in. */
export function around(neuron: number, all: number): [first: number, count: number] {
  const count = Math.min(SIDE_BY_SIDE, all);
  return [Math.max(0, Math.min(neuron - (count >> 1), all - count)), count];
}

export interface Shape {
  gated: boolean;
  neurons: number;
  bias: boolean;
  /** The norm before the part; null where there is none. */
  norm: Norm | null;
  parallel: boolean;
}

/** @param positions tokens [0, positions) are read */
export async function meetingOf(
  source: Source,
  layer: number,
  neuron: number,
  positions: number,
  shape: Shape,
  signal: AbortSignal,
): Promise<Meeting> {
  const block = `blocks.${layer}`;
  const [first, count] = around(neuron, shape.neurons);
  const matrix = `${block}.mlp.${shape.gated ? 'gate' : 'in'}`;
  const stream = shape.norm ? `${block}.ln2.hook_normalized` : `${block}.hook_resid_${shape.parallel ? 'pre' : 'mid'}`;
  await source.need([stream, `${block}.mlp.hook_pre`]);
  const slug = source.manifest.model.slug;
  const weight = (name: string, rows?: [number, number]) => api.weightValues(slug, name, rows, signal);
  const part: [number, number] = [first, first + count];
  const [x, pre, rows, bias, scale, shift] = await Promise.all([
    source.capture(stream, { pos: `0:${positions}` }, signal),
    source.capture(`${block}.mlp.hook_pre`, { pos: `0:${positions}`, feature: `${first}:${first + count}` }, signal),
    weight(`${matrix}.weight`, part),
    shape.bias ? weight(`${matrix}.bias`, part) : null,
    shape.norm ? weight(`${block}.ln2.weight`) : null,
    shape.norm?.kind === 'layer' ? weight(`${block}.ln2.bias`) : null,
  ]);
  const d = rows.data.length / count;
  const reads = Float32Array.from(x.data, (v, i) => v * (scale?.data[i % d] ?? 1) + (shift?.data[i % d] ?? 0));
  return {
    layer,
    first,
    count,
    reads,
    rows: rows.data,
    bias: bias?.data ?? new Float32Array(count),
    sums: pre.data,
    positions,
    dModel: d,
  };
}

/** The inputs whose products with one neuron's row are largest at a position, the largest first. */
export function strongestInputs(m: Meeting, pos: number, neuron: number, most: number): number[] {
  const row = (neuron - m.first) * m.dModel;
  const size = (i: number) => Math.abs(m.reads[pos * m.dModel + i] * m.rows[row + i]);
  return Array.from({ length: m.dModel }, (_, i) => i)
    .sort((a, b) => size(b) - size(a) || a - b)
    .slice(0, most);
}

/** Of a matrix [rows, cols], these columns. */
export function columns(values: Float32Array, cols: number, wanted: number[]): Float32Array {
  const rows = values.length / cols;
  return Float32Array.from({ length: rows * wanted.length }, (_, i) => {
    const row = Math.floor(i / wanted.length);
    return values[row * cols + wanted[i % wanted.length]];
  });
}

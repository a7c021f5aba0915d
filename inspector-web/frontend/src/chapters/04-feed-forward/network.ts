/** A few neurons of a feed-forward part as a network: three numbers that they read, their weights, three numbers that they write to. */
import type { Source } from '../../api/source';
import type { FeedForward, Norm, RunManifest } from '../../api/types';
import type { Ask } from '../../state/scene';
import { strongest } from './parts';
import type { Way } from './stages';

/** Neurons that are drawn, and places of the stream on either side of them. */
export const NEURONS = 4;
export const PLACES = 3;

interface Rows {
  values: number[][];
}
interface Captured {
  values: number[][][];
}

/** How a block's part is made. */
export interface Shape {
  gated: boolean;
  norm: Norm | null;
  parallel: boolean;
}

export interface Network {
  layer: number;
  pos: number;
  neurons: number[];
  /** What each of them gives. */
  gives: number[];
  /** Places of the stream that are read, and what the part reads there: after the norm and its weight. */
  reads: { place: number; value: number }[];
  /** [neuron][read place]: of the first matrix, or of the gate's where there are two. */
  into: number[][];
  /** Places of the stream that are written to, and what all neurons together add there. */
  writes: { place: number; value: number }[];
  /** [written place][neuron]: of the last matrix. */
  out: number[][];
}

const weights = (slug: string, layer: number, name: string, part = ''): Ask<null, Rows> => ({
  path: `/models/${encodeURIComponent(slug)}/tensors/blocks.${layer}.${name}${part}`,
  body: null,
});
const streamOf = (layer: number, { norm, parallel }: Shape) =>
  norm ? `blocks.${layer}.ln2.hook_normalized` : `blocks.${layer}.hook_resid_${parallel ? 'pre' : 'mid'}`;

/** The questions whose answers are drawn: what the part reads, and a row and a column of weights for each neuron. */
export function networkAsks(m: RunManifest, layer: number, pos: number, neurons: number[], shape: Shape) {
  const { slug } = m.model;
  const read: Ask<null, Captured> = { path: `/runs/${m.id}/captures/${streamOf(layer, shape)}?pos=${pos}`, body: null };
  const first = shape.gated ? 'mlp.gate.weight' : 'mlp.in.weight';
  return {
    read,
    scale: shape.norm ? [weights(slug, layer, 'ln2.weight')] : [],
    shift: shape.norm?.kind === 'layer' ? [weights(slug, layer, 'ln2.bias')] : [],
    into: neurons.map((n) => weights(slug, layer, first, `?rows=${n}:${n + 1}`)),
    out: neurons.map((n) => weights(slug, layer, 'mlp.out.weight', `?cols=${n}:${n + 1}`)),
  };
}

/** The places with the largest sizes, the largest first. */
export function largest(count: number, most: number, size: (i: number) => number): number[] {
  return Array.from({ length: count }, (_, i) => i)
    .sort((a, b) => size(b) - size(a) || a - b)
    .slice(0, most);
}

/** The strongest neurons, and the chosen one among them. */
export function drawnNeurons(part: FeedForward, chosen: number): number[] {
  const first = strongest(part, NEURONS);
  return first.includes(chosen) ? first : [...first.slice(0, NEURONS - 1), chosen];
}

export async function networkOf(
  source: Source,
  way: Way,
  neurons: number[],
  shape: Shape,
  signal: AbortSignal,
): Promise<Network> {
  const { layer, pos } = way;
  if (!source.recorded) await source.need([streamOf(layer, shape)], `${pos}:${pos + 1}`);
  const asks = networkAsks(source.manifest, layer, pos, neurons, shape);
  const flat = async (ask: Ask<null, Rows>) => [(await source.ask(ask, signal)).values].flat(2) as number[];
  const all = (list: Ask<null, Rows>[]) => Promise.all(list.map(flat));
  const [captured, [scale], [shift], into, out] = await Promise.all([
    source.ask(asks.read, signal),
    all(asks.scale),
    all(asks.shift),
    all(asks.into),
    all(asks.out),
  ]);
  const x = captured.values[0][0].map((v, i) => v * (scale?.[i] ?? 1) + (shift?.[i] ?? 0));
  const [bent, added] = way.stages.slice(-2);
  const gives = neurons.map((n) => bent.values[n]);
  const total = (rows: number[][], at: number, by: (row: number) => number) =>
    rows.reduce((sum, row, j) => sum + Math.abs(row[at] * by(j)), 0);
  const read = largest(x.length, PLACES, (i) => total(into, i, () => x[i]));
  const written = largest(out[0].length, PLACES, (o) => total(out, o, (j) => gives[j]));
  return {
    layer,
    pos,
    neurons,
    gives,
    reads: read.map((place) => ({ place, value: x[place] })),
    into: into.map((row) => read.map((i) => row[i])),
    writes: written.map((place) => ({ place, value: added.values[place] })),
    out: written.map((o) => out.map((column) => column[o])),
  };
}

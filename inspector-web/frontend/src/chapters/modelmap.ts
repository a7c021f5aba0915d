/** The book's one drawing of a model: where each of its parts lies, and which chapter tells of it. Pure. */
import type { DecoderSpec } from '../api/types';
import { plural } from '../kit/text/format';

export const MAP = { width: 321, height: 92, stream: 48, branch: 24, foot: 80 };

/** A part of the drawing: the middle of its glyph and the area that answers to a pointer, at least 24 px either way. */
export interface MapPart {
  chapter: number;
  /** What it is called in the model. */
  name: string;
  x: number;
  y: number;
  area: [x: number, y: number, width: number, height: number];
  /** The model has no such part. */
  absent?: boolean;
}

const { stream, branch, foot } = MAP;
const at = (chapter: number, name: string, x: number, y: number, from: number, to: number, tall = 26): MapPart => ({
  chapter,
  name,
  x,
  y,
  area: [from, y - tall / 2, to - from, tall],
});

/** The frame of a block, in which the parts of attention and of the MLP lie. */
export const BLOCK = { x: 56, y: 8, width: 216, height: 58 };

/** Attention's branch and the MLP's: where it leaves the stream, its norm, and where it is added to the stream. */
export const BRANCHES = [
  { leave: 64, norm: 74, add: 188 },
  { leave: 196, norm: 205, add: 265 },
] as const;

/** One part a chapter, in the order in which a text goes through, then what made the model. */
export function mapParts(shape: MapShape): MapPart[] {
  const { x, y, width, height } = BLOCK;
  const recurs = shape.heads === 0 && shape.recurs;
  const attention = [
    at(10, 'positions', 94, branch, 82, 106.5),
    at(14, recurs ? 'state' : 'KV cache', 119, branch, 106.5, 131),
    at(8, recurs ? 'recurrence' : 'attention', 145.5, branch, 131, 159.5),
    at(9, recurs ? 'heads of the state' : 'heads', 172, branch, 159.5, 184.5),
  ];
  return [
    at(1, 'tokens', 13, stream, 0, 27),
    at(2, 'embedding', 40, stream, 27, 54),
    { chapter: 11, name: 'block', x: x + width / 2, y: stream, area: [x, y, width, height] },
    ...attention.map((part) => ({ ...part, absent: shape.heads === 0 && !shape.recurs })),
    at(4, shape.experts ? 'experts' : 'MLP', 224.5, branch, 212, 237),
    at(3, 'neurons', 249, branch, 237, 261.5),
    at(5, 'unembedding and sampling', 298, stream, 275, 321, 30),
    at(12, 'pretraining', 14, foot, 1, 27.5, 24),
    at(13, 'post-training', 46, foot, 33, 59.5, 24),
    at(15, 'weights', 120, foot, 106, 134, 24),
    at(7, 'update', 172, foot, 158, 186, 24),
    at(6, 'gradients', 244, foot, 190, 300, 24),
  ];
}

/** What of a model the drawing shows. */
export interface MapShape {
  layers: number;
  /** Of a layer's attention; 0 where no layer has any. */
  heads: number;
  experts: number;
  rotates: boolean;
  /** Some layer has a recurrence, beside attention or in its place. */
  recurs: boolean;
  /** Layers that have one. */
  recurrent: number;
  /** Attention and MLP read the same stream. */
  parallel: boolean;
  /** The stream is normalised before a branch reads it, and what a branch made before it is added. */
  norms: { before: boolean; after: boolean };
}

/** Of the layers' kinds the first one that attends, else the first. */
export function mapShape(spec: DecoderSpec | null): MapShape {
  const layer = spec?.layers.find((l) => l.attention) ?? spec?.layers[0];
  return {
    layers: spec?.layers.length ?? 1,
    heads: layer?.attention?.n_heads ?? (spec ? 0 : 1),
    experts: spec?.layers.find((l) => l.mlp?.experts)?.mlp.experts?.count ?? 0,
    recurs: spec?.layers.some((l) => l.recurrence) ?? false,
    recurrent: spec?.layers.filter((l) => l.recurrence).length ?? 0,
    rotates: spec ? layer?.attention?.rope !== undefined : true,
    parallel: layer?.parallel ?? false,
    norms: { before: !layer || (layer.ln1 ?? layer.ln2) !== undefined, after: layer?.ln1_post !== undefined },
  };
}

/** '6 blocks · 8 heads · 4 experts'. */
export function mapSizes(shape: MapShape): string {
  const of = [plural(shape.layers, 'block')];
  if (shape.recurrent > 0) of.push(`${shape.recurrent} recurrent`);
  if (shape.heads > 0) of.push(plural(shape.heads, 'head'));
  if (shape.experts > 0) of.push(plural(shape.experts, 'expert'));
  return of.join(' · ');
}

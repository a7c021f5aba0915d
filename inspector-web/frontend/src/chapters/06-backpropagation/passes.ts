/** Forward and backward, block by block: how long the vectors are, and how long the blame is. */
import type { Gradients, Norms } from '../../api/types';

/** One block at the position that was wrong. */
export interface Pass {
  layer: number;
  /** Length of the stream that leaves it. */
  forward: number | null;
  /** Length of the loss's gradient by that stream, at the last position. */
  here: number | null;
  /** The same over all positions. */
  all: number | null;
  /** Length of the gradient by all the block's weights together. */
  weights: number | null;
}

/** The four steps of learning from one mistake. */
export const STEPS = ['forward', 'loss', 'backward', 'update'] as const;
export type Step = (typeof STEPS)[number];

/** √(Σ x²), over the weights whose names begin so; null where there is none. */
export function together(g: Gradients, prefix: string): number | null {
  const own = g.parameters.filter((p) => p.name.startsWith(prefix));
  if (own.length === 0) return null;
  return Math.sqrt(own.reduce((sum, p) => sum + p.norm * p.norm, 0));
}

export function passesOf(layers: number, pos: number, norms: Norms | null, g: Gradients | null): Pass[] {
  const hook = (layer: number) => `blocks.${layer}.hook_resid_post`;
  return Array.from({ length: layers }, (_, layer) => {
    const gradient = g?.hooks.find((h) => h.hook === hook(layer));
    return {
      layer,
      forward: norms?.rows.find((r) => r.hook === hook(layer))?.norms[pos] ?? null,
      here: gradient?.by_position?.[pos] ?? null,
      all: gradient?.norm ?? null,
      weights: g ? together(g, `blocks.${layer}.`) : null,
    };
  });
}

/** How many weights got a gradient. */
export function weightCount(g: Gradients): number {
  return g.parameters.reduce((sum, p) => sum + p.shape.reduce((a, b) => a * b, 1), 0);
}

/** Of the loss: what the first step is meant to take away. */
const SHARE = 0.3;

/** A learning rate at which the slope alone promises to take a third of the loss away: small enough to be a promise. */
export function fittingRate(g: Gradients): number {
  const squared = g.parameters.reduce((sum, p) => sum + p.norm * p.norm, 0);
  return squared === 0 ? 1 : (SHARE * g.value) / squared;
}

/** How much the loss would change for a small push of each token's embedding: the length of the gradient by it. */
export function saliency(g: Gradients): number[] | null {
  return g.hooks.find((h) => h.hook === 'hook_embed')?.by_position ?? null;
}

/** The token before the last whose embedding weighs most in the loss. */
export function mostTelling(lengths: number[]): number | null {
  if (lengths.length < 2) return null;
  const before = lengths.slice(0, -1);
  return before.indexOf(Math.max(...before));
}

/** Layers by the length of the gradient that their feed-forward neurons got at a position, the longest first. */
export function blamedLayers(g: Gradients, pos: number): { layer: number; norm: number }[] {
  const all: { layer: number; norm: number }[] = [];
  for (const h of g.hooks) {
    const layer = /^blocks\.(\d+)\.mlp\.hook_post$/.exec(h.hook)?.[1];
    const norm = h.by_position?.[pos];
    if (layer !== undefined && norm !== undefined) all.push({ layer: Number(layer), norm });
  }
  return all.sort((a, b) => b.norm - a.norm);
}

/** One row of a hook's values in an answer that has them: [pos, width]. */
export function rowAt(g: Gradients, hook: string, pos: number): number[] | null {
  const h = g.hooks.find((x) => x.hook === hook);
  if (!h?.values) return null;
  const width = h.shape[h.shape.length - 1];
  return h.values.slice(pos * width, (pos + 1) * width);
}

/** The links of one neuron's chain, at the position that was wrong. */
import { api } from '../../api/client';
import type { Source } from '../../api/source';
import type { Gradients, Neuron } from '../../api/types';
import { rowAt } from './passes';

export interface Links {
  layer: number;
  neuron: number;
  gated: boolean;
  /** Its (gate's) sum, and its activation. */
  z: number;
  post: number;
  /** The input that contributes most to the sum: what it reads, its weight, and the loss's gradient by that. */
  path: { input: number; read: number; weight: number; gradient: number };
  /** The loss's gradient by it, by its (gate's) sum, and how the one comes from the other. */
  dPost: number;
  dPre: number;
  slope: number;
  /** How many inputs it has. */
  inputs: number;
  /** Those whose weights get the largest gradient. */
  weights: { input: number; read: number; gradient: number }[];
}

/** The neuron whose activation got the largest gradient times itself: without it the loss would change most, to first order. */
export function mostBlamed(post: ArrayLike<number>, dPost: ArrayLike<number>): number {
  let best = 0;
  for (let i = 1; i < post.length; i++) {
    if (Math.abs(post[i] * dPost[i]) > Math.abs(post[best] * dPost[best])) best = i;
  }
  return best;
}

const SHOWN = 6;

/**
 * @param reads what the feed-forward part read at the position, [d_model]
 * @param told how the neuron's sum came about
 */
export function linksOf(
  g: Gradients,
  of: { layer: number; neuron: number; pos: number; gated: boolean },
  post: Float32Array,
  reads: Float32Array,
  told: Neuron,
): Links | null {
  const block = `blocks.${of.layer}`;
  const dPosts = rowAt(g, `${block}.mlp.hook_post`, of.pos);
  const dPres = rowAt(g, `${block}.mlp.hook_pre`, of.pos);
  if (!dPosts || !dPres) return null;
  const { neuron } = of;
  const most = told.sums[0].sum.inputs[0];
  const [dPost, dPre] = [dPosts[neuron], dPres[neuron]];
  const weights = Array.from(reads, (read, input) => ({ input, read, gradient: read * dPre }))
    .sort((a, b) => Math.abs(b.gradient) - Math.abs(a.gradient))
    .slice(0, SHOWN);
  return {
    layer: of.layer,
    neuron,
    gated: of.gated,
    z: told.sums[0].sum.z,
    post: post[neuron],
    path: { input: most.feature, read: most.value, weight: most.weight, gradient: most.value * dPre },
    dPost,
    dPre,
    slope: dPost === 0 ? 0 : dPre / dPost,
    inputs: reads.length,
    weights,
  };
}

/** What a feed-forward part reads at a position: after the norm before it, and that norm's weight. */
export async function readBy(source: Source, layer: number, pos: number, signal: AbortSignal): Promise<Float32Array> {
  const spec = (await source.spec(signal)).layers[layer];
  const block = `blocks.${layer}`;
  if (!spec.ln2) {
    return (await source.capture(`${block}.hook_resid_${spec.parallel ? 'pre' : 'mid'}`, { pos }, signal)).data;
  }
  const slug = source.manifest.model.slug;
  const [x, scale, shift] = await Promise.all([
    source.capture(`${block}.ln2.hook_normalized`, { pos }, signal),
    api.weightValues(slug, `${block}.ln2.weight`, undefined, signal),
    spec.ln2.kind === 'layer' ? api.weightValues(slug, `${block}.ln2.bias`, undefined, signal) : null,
  ]);
  return x.data.map((v, i) => v * scale.data[i] + (shift?.data[i] ?? 0));
}

/** One token's way through the layers, in numbers that the run already has: what it read, what was added, what it would say. */
import { convPast, recurrenceOf } from '../../state/heads';
import type { LensToken, ModelIdentity, NormRow, Norms, RunManifest, Lens } from '../../api/types';

/** The strongest look of one layer at another token. */
export interface Look {
  head: number;
  key: number;
  weight: number;
}

export interface Step {
  layer: number;
  /** Null where the token looks at nothing but itself, or the layer has no heads. */
  look: Look | null;
  /** Tokens before its own that a layer without heads mixes in; 0 in one with heads. */
  mixes: number;
  /** The layer's recurrence, with an article; null where it has none. Then the look is at what another token wrote. */
  recurrence: string | null;
  /** Lengths of what is added, by attention or the convolution in its place, and of the stream as the layer leaves it. */
  attention: number | null;
  mlp: number | null;
  stream: number | null;
  /** What would come next if the model ended after this layer. */
  says: LensToken | null;
}

/**
 * Of all heads of a layer, the largest weight on another token. The first token is left aside where there is another:
 * heads that have nothing to do rest on it.
 *
 * @param pattern [head, key] of one query
 */
export function strongestLook(pattern: Float32Array, model: ModelIdentity, query: number): Look | null {
  const keys = pattern.length / model.n_heads;
  let best: Look | null = null;
  for (let head = 0; head < model.n_heads; head++) {
    for (let key = query > 1 ? 1 : 0; key < query; key++) {
      const weight = pattern[head * keys + key];
      if (weight > (best?.weight ?? 0)) best = { head, key, weight };
    }
  }
  return best;
}

/** Of all layers, in order. What is not there yet is null. */
export function stepsOf(
  run: RunManifest,
  pos: number,
  looks: (Look | null)[] | null,
  norms: Norms | null,
  lens: Lens | null,
): Step[] {
  const norm = (layer: number, point: string): number | null =>
    norms?.rows.find((r: NormRow) => r.hook === `blocks.${layer}.${point}`)?.norms[pos] ?? null;
  return Array.from({ length: run.model.n_layers }, (_, layer) => ({
    layer,
    look: looks?.[layer] ?? null,
    mixes: convPast(run, layer),
    recurrence: recurrenceOf(run, layer),
    attention: norm(layer, 'hook_attn_out') ?? norm(layer, 'hook_conv_out') ?? norm(layer, 'hook_ssm_out'),
    mlp: norm(layer, 'hook_mlp_out'),
    stream: norm(layer, 'hook_resid_post'),
    says: lens?.rows.find((r) => r.layer === layer)?.cells.find((c) => c.pos === pos)?.top[0] ?? null,
  }));
}

/** From which layer on what the model would say stays what it says at the end, or null. */
export function settledAt(steps: Step[]): number | null {
  const last = steps.at(-1)?.says;
  if (!last) return null;
  let from = steps.length - 1;
  while (from > 0 && steps[from - 1].says?.id === last.id) from--;
  return from;
}

/** The layer in which a part adds most beside the stream that it is added to. */
export function mostAdded(steps: Step[], part: 'attention' | 'mlp'): Step | null {
  const share = (s: Step) => (s[part] ?? 0) / (s.stream || 1);
  return steps.reduce<Step | null>(
    (best, s) => (s[part] !== null && (!best || share(s) > share(best)) ? s : best),
    null,
  );
}

/** The layers of a run's model that have attention heads, and what the others do instead. Pure. */
import type { RunManifest } from '../api/types';
import { plural } from '../kit/text/format';

/** Bytes that a layer keeps beside the KV cache: only one with a short convolution, which has no heads, keeps any. */
const stateOf = (m: RunManifest, layer: number): number => m.kv_cache.conv_states?.[layer] ?? 0;

/** The layers that have heads, in order. */
export function headed(m: RunManifest): number[] {
  return Array.from({ length: m.model.n_layers }, (_, layer) => layer).filter((layer) => stateOf(m, layer) === 0);
}

/** All heads of the model. */
export const headCount = (m: RunManifest): number => headed(m).length * m.model.n_heads;

/** The layer itself where it has heads, else the next one that has, looked for forwards, or backwards for a step of -1. */
export function withHeads(m: RunManifest, layer: number, step: 1 | -1 = 1): number {
  const ahead = headed(m).filter((l) => (l - layer) * step >= 0);
  const behind = headed(m).filter((l) => (l - layer) * step < 0);
  return (step > 0 ? (ahead[0] ?? behind.at(-1)) : (ahead.at(-1) ?? behind[0])) ?? layer;
}

/** Tokens before its own that a layer's convolution reads; 0 in a layer with heads. */
export const convPast = (m: RunManifest, layer: number): number =>
  stateOf(m, layer) / Float32Array.BYTES_PER_ELEMENT / m.model.d_model;

/** What a layer without heads does instead, in two sentences; null for one with heads. */
export function insteadOfHeads(m: RunManifest, layer: number): string | null {
  const past = convPast(m, layer);
  if (past === 0) return null;
  return `Layer ${layer} has no heads but a short convolution: there each channel of a token is added up with the same channel of the ${plural(past, 'token')} before it, each times a learned weight. The weights are the same for every text, so nothing is looked for.`;
}

/** The hooks from which neurons are shown, and whether a run captures them unasked. */
import type { DecoderSpec } from '../api/types';
import { models } from './models.svelte';

/** Most bytes that a run captures of them unasked; beyond, they are recaptured when a figure asks. */
const MOST = 64 * 2 ** 20;

/** Hooks of every layer's feed-forward part and its neurons, without the last layer's stream. */
export function neuronHooks(slug: string): string[] {
  const ends = ['hook_embed', 'hook_pos_embed', 'ln_final.hook_scale', 'logits'];
  // A parallel block has nothing between its parts: both read what comes in.
  const between = models.hidden(slug, 'blocks.0.hook_resid_mid') ? 'hook_resid_pre' : 'hook_resid_mid';
  const mlp = ['mlp.hook_pre', 'mlp.hook_pre_linear', 'mlp.hook_post', 'ln2.hook_normalized', 'ln2.hook_scale'];
  const each = [between, 'hook_attn_out', 'hook_conv_out', ...mlp, 'hook_mlp_out'];
  return models.shown(slug, [...ends, ...each.map((h) => `blocks.*.${h}`)]);
}

/** Whether a run of that many tokens is short enough: then its figures need no recapture. */
export function takesNeurons(spec: DecoderSpec, tokens: number): boolean {
  const numbers = spec.layers.reduce((sum, { mlp }) => sum + 3 * mlp.d_mlp + 5 * spec.d_model, 0);
  return numbers * Float32Array.BYTES_PER_ELEMENT * tokens <= MOST;
}

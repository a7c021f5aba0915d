/** What chapter 3's recording holds of the corpus: each layer's strongest neuron at the last prompt token. */
import type { FeedForward, RunManifest } from '../../api/types';
import type { Ask } from '../../state/scene';
import { unitEvidence } from '../../state/evidence';

export function asks(m: RunManifest, parts: FeedForward[]): Ask[] {
  return parts.map((p) => unitEvidence(m.id, `blocks.${p.layer}.mlp.hook_post`, p.strongest[0].neuron));
}

/** What chapter 3's recording holds of the corpus: the neuron that the chapter opens with. */
import type { FeedForward, RunManifest } from '../../api/types';
import type { Ask } from '../../state/scene';
import { unitEvidence } from '../../state/evidence';

export function asks(m: RunManifest, parts: FeedForward[]): Ask[] {
  if (parts.length === 0) return [];
  const { layer, strongest } = parts.reduce((a, b) => (b.strongest[0].share > a.strongest[0].share ? b : a));
  return [unitEvidence(m.id, `blocks.${layer}.mlp.hook_post`, strongest[0].neuron)];
}

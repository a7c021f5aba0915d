/** What a recording of chapter 4 holds beside its run: the weights of the few neurons that are drawn first. */
import type { ModelDetails, FeedForward, RunManifest } from '../../api/types';
import type { Ask } from '../../state/scene';
import { drawnNeurons, networkAsks } from './network';
import { heaviest } from './parts';

export async function asks(
  run: RunManifest,
  answer: <A>(ask: Ask<object | null, A>) => Promise<A>,
  parts: FeedForward[],
): Promise<Ask[]> {
  const best = heaviest(parts);
  if (!best) return [];
  const of: Ask<null, ModelDetails> = { path: `/models/${encodeURIComponent(run.model.slug)}`, body: null };
  const { mlp, ln2, parallel } = (await answer(of)).spec.layers[best.layer];
  if (mlp.experts) return [];
  const shape = { gated: mlp.gated, norm: ln2 ?? null, parallel };
  const all = networkAsks(run, best.layer, best.pos, drawnNeurons(best, best.strongest[0].neuron), shape);
  return [all.read, ...all.scale, ...all.shift, ...all.into, ...all.out];
}

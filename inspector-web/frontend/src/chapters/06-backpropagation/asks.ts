/** What the chapter asks the server: the gradients of one wrong answer, by the values on the way and by the weights. */
import type { Gradients, GradientsRequest, RunManifest } from '../../api/types';
import type { Ask } from '../../state/scene';

export type GradientsAsk = Ask<GradientsRequest, Gradients>;

const prompt = (m: RunManifest): number[] => m.tokens.slice(0, m.prompt_length).map((t) => t.id);

/**
 * The loss of one token after the prompt, sent back to every block and every weight.
 *
 * @param neurons whether a layer has neurons that every token meets
 */
export function blame(m: RunManifest, target: number, neurons = true): GradientsAsk {
  const hooks = ['hook_embed', 'blocks.*.hook_resid_pre', 'blocks.*.hook_resid_post'];
  if (neurons) hooks.push('blocks.*.mlp.hook_post');
  return { path: '/gradients', body: { tokens: prompt(m), targets: [{ pos: -1, token: target, of: 'nll' }], hooks } };
}

/** The same loss by every number of one feed-forward part. */
export function chain(m: RunManifest, target: number, layer: number): GradientsAsk {
  const hooks = ['mlp.hook_pre', 'mlp.hook_post', 'hook_mlp_out'].map((h) => `blocks.${layer}.${h}`);
  return {
    path: '/gradients',
    body: {
      tokens: prompt(m),
      targets: [{ pos: -1, token: target, of: 'nll' }],
      hooks,
      parameters: false,
      values: true,
    },
  };
}

/** What the model thought second most probable after the prompt, where the run says so. */
export function second(m: RunManifest): number | null {
  const step = m.generation?.steps[0];
  return step?.position === m.prompt_length ? (step.alternatives[1]?.id ?? null) : null;
}

/** What the recording of the first example holds. */
export async function asks(m: RunManifest): Promise<Ask[]> {
  const target = second(m);
  return target === null ? [] : [blame(m, target)];
}

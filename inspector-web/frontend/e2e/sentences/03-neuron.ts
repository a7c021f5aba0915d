import type { APIRequestContext } from '@playwright/test';
import type { FeedForward, ModelDetails, Neuron, RunManifest } from '../../src/api/types';
import { expect } from '../support';
import { captured, highest, near, numbersIn, plain, rest, tellMe, type Sentence } from '../sentence';

/** The neuron that makes the largest part of what its layer writes at the last prompt token. */
async function telling(request: APIRequestContext, run: RunManifest): Promise<Neuron> {
  const pos = run.prompt_length - 1;
  const parts = await Promise.all(
    Array.from({ length: run.model.n_layers }, (_, layer) =>
      rest<FeedForward>(request, '/feedforward', { run: run.id, layer, pos }),
    ),
  );
  const { layer, strongest } = parts[highest(parts.map((p) => p.strongest[0].share))];
  return rest(request, '/neuron', { run: run.id, layer, neuron: strongest[0].neuron, pos });
}

const sentences: Sentence[] = [
  {
    says: 'many',
    holds: async (text, { run, request }) => {
      const { spec } = await rest<ModelDetails>(request, `/models/${run.model.slug}`);
      expect(numbersIn(text)).toEqual([spec.layers.reduce((sum, l) => sum + l.mlp.d_mlp, 0)]);
    },
  },
  {
    says: 'sum',
    holds: async (text, { run, request }) => {
      const [{ z, bias, inputs }] = (await telling(request, run)).sums.map((s) => s.sum);
      const [sum, few, three, others, rest] = numbersIn(text);
      near(sum, z);
      expect([few, others]).toEqual([3, run.model.d_model - 3]);
      const is = inputs.slice(0, 3).reduce((all, i) => all + i.contribution, 0);
      near(three, is);
      near(rest, z - is);
      expect(text.includes('bias')).toBe(bias !== 0);
    },
  },
  {
    says: 'most',
    open: tellMe,
    holds: async (text, { run, request }) => {
      const { layer, neuron } = await telling(request, run);
      const values = await captured(request, run, `blocks.${layer}.mlp.hook_post`, `feature=${neuron}`);
      const most = highest(values.slice(0, run.prompt_length).map(Math.abs));
      const [at, value] = numbersIn(text).slice(-2);
      expect(at).toBe(most);
      near(value, values[most]);
    },
  },
  {
    says: 'raises',
    holds: async (text, { run, request }) => {
      const { post, raised } = await telling(request, run);
      expect(plain(text)).toContain(`“${raised[0].text.trim()}”`);
      expect(text.startsWith('Firing below 0')).toBe(post < 0);
    },
  },
];
export default sentences;

import type { APIRequestContext } from '@playwright/test';
import type { FeedForward, ModelDetails, RunManifest } from '../../src/api/types';
import { expect } from '../support';
import { captured, highest, near, numbersIn, rest, tellMe, type Sentence } from '../sentence';

const parts = (request: APIRequestContext, run: RunManifest) =>
  Promise.all(
    Array.from({ length: run.model.n_layers }, (_, layer) =>
      rest<FeedForward>(request, '/feedforward', { run: run.id, layer, pos: run.prompt_length - 1 }),
    ),
  );
const length = (v: number[]) => Math.hypot(...v);

/** The stream before a layer's part and after it, at the last prompt token. */
async function stream(request: APIRequestContext, run: RunManifest, layer: number): Promise<[number[], number[]]> {
  const at = (hook: string) => captured(request, run, `blocks.${layer}.${hook}`, `pos=${run.prompt_length - 1}`);
  const [after, added] = [await at('hook_resid_post'), await at('hook_mlp_out')];
  return [after.map((v, i) => v - added[i]), after];
}

/** The layer whose part adds most for the length of the stream that it is added to, and how much. */
async function most(request: APIRequestContext, run: RunManifest): Promise<[number, number]> {
  const ratios: number[] = [];
  for (let layer = 0; layer < run.model.n_layers; layer++) {
    const [before, after] = await stream(request, run, layer);
    ratios.push(length(after.map((v, i) => v - before[i])) / length(before));
  }
  const layer = highest(ratios);
  return [layer, ratios[layer]];
}

const sentences: Sentence[] = [
  {
    says: 'same',
    holds: async (text, { run, request }) => {
      const { spec } = await rest<ModelDetails>(request, `/models/${run.model.slug}`);
      expect(spec.layers.map((l) => l.mlp.d_mlp)).toContain(numbersIn(text)[0]);
    },
  },
  {
    says: 'most',
    holds: async (text, { run, request }) => {
      const [layer, ratio] = numbersIn(text);
      const [is, by] = await most(request, run);
      expect(layer).toBe(is);
      expect(Math.abs(ratio - by)).toBeLessThan(0.006);
    },
  },
  {
    says: 'stream',
    open: tellMe,
    holds: async (text, { run, request }) => {
      const last = run.model.n_layers - 1;
      const [a, first, b, at] = numbersIn(text);
      expect([first, at]).toEqual([0, last]);
      const lengths = [length((await stream(request, run, 0))[0]), length((await stream(request, run, last))[0])];
      near(a, lengths[0]);
      near(b, lengths[1]);
      expect(text).toContain(lengths[1] > lengths[0] ? 'counts for less' : 'counts for more');
    },
  },
  {
    says: 'half',
    holds: async (text, { run, request }) => {
      const [layer, few, all] = numbersIn(text);
      const part = (await parts(request, run))[layer];
      expect(all).toBe(part.neurons);
      expect(few).toBe(part.strongest.findIndex((n) => n.share >= 0.5) + 1);
      expect(few).toBeGreaterThan(0);
    },
  },
  {
    says: 'turned',
    holds: async (text, { run, request }) => {
      const [layer] = await most(request, run);
      const [a, b] = await stream(request, run, layer);
      const cosine = a.reduce((sum, v, i) => sum + v * b[i], 0) / length(a) / length(b);
      expect(Math.abs(numbersIn(text)[0] - (Math.acos(cosine) * 180) / Math.PI)).toBeLessThan(0.6);
    },
  },
];
export default sentences;

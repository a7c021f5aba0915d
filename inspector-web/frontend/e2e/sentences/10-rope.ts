import type { APIRequestContext, Page } from '@playwright/test';
import type { Logprobs, ModelDetails, PositionDistances, PositionHeads, PositionShift } from '../../src/api/types';
import type { RunManifest } from '../../src/api/types';
import { expect } from '../support';
import { highest, near, numbersIn, plain, rest, tellMe, type Sentence } from '../sentence';

/** The head that the chapter begins with: its score depends most on distance. */
const telling = async (request: APIRequestContext, run: RunManifest) =>
  (await rest<PositionHeads>(request, '/positions/heads', { run: run.id, most: 64 })).heads[0];

const panel = (page: Page, name: string) =>
  page.getByTestId('figure-places').getByText(name, { exact: true }).first().click();
const percent = (found: number, share: number) => expect(Math.abs(found / 100 - share)).toBeLessThan(6e-4);

const sentences: Sentence[] = [
  {
    says: 'round',
    holds: async (text, { run, request }) => {
      const { spec } = await rest<ModelDetails>(request, `/models/${run.model.slug}`);
      const { theta, dims } = spec.layers[(await telling(request, run)).layer].attention!.rope!;
      const [first, last] = numbersIn(text);
      // A pair turns by theta^(-2i/dims) a token.
      expect(first).toBe(Number((2 * Math.PI).toFixed(1)));
      near(last, 2 * Math.PI * theta ** ((dims - 2) / dims), 0.01);
    },
  },
  {
    says: 'far',
    open: tellMe,
    holds: async (text, { run, request }) => {
      const { layer, head } = await telling(request, run);
      const asked = { run: run.id, layer, head, query: run.prompt_length - 1, most: 64 };
      const { mean } = await rest<PositionDistances>(request, '/positions/distances', asked);
      const [back, score] = numbersIn(text);
      expect(back).toBe(highest(mean));
      near(score, mean[back], 6e-3);
    },
  },
  {
    says: 'moved',
    open: (page) => panel(page, 'Move it all'),
    holds: async (text, { run, request }) => {
      const by = Math.min(100, run.model.max_context - run.prompt_length);
      const { layer } = await telling(request, run);
      const [first] = (await rest<PositionShift>(request, '/positions/shift', { run: run.id, by, layer })).top;
      const [before, after] = numbersIn(text).slice(-2);
      expect(plain(text)).toContain(first.text.trim());
      percent(before, first.prob);
      percent(after, first.moved);
      // Only distances count: what is told is one share, but for rounding.
      percent(after, first.prob);
    },
  },
  {
    says: 'order',
    open: (page) => panel(page, 'Other order'),
    holds: async (text, { run, request }) => {
      const tokens = run.tokens.slice(0, run.prompt_length).map((t) => t.id);
      const asked = { request: { model: run.model.slug, tokens }, tokens: [tokens[0]], top: 1 };
      const [first] = (await rest<Logprobs>(request, '/logprobs', asked)).tokens[0].alternatives;
      const [before, after] = [...text.matchAll(/ at ([\d.]+)/g)].map(([, share]) => Number(share));
      expect(plain(text)).toContain(first.text.trim());
      percent(before, first.prob);
      expect(after).toBeLessThanOrEqual(100);
    },
  },
];
export default sentences;

import type { APIRequestContext } from '@playwright/test';
import type { HeadCircuits, HeadProfile, HeadsRepeated, RunManifest } from '../../src/api/types';
import { expect } from '../support';
import { highest, numbersIn, plain, rest, tellMe, type Sentence } from '../sentence';

const percent = (found: number, share: number) => expect(Math.abs(found / 100 - share)).toBeLessThan(6e-4);

/** Every head on random tokens said twice. */
const twice = async (request: APIRequestContext, run: RunManifest) =>
  (await rest<HeadsRepeated>(request, '/heads/repeated', { model: run.model.slug, seed: 0 })).heads;

/** The head that has most of it, and how much. */
function most(heads: HeadProfile[], of: 'previous' | 'induction'): [number, number, number] {
  const best = heads[highest(heads.map((h) => h.stripes[of] ?? 0))];
  return [best.layer, best.head, best.stripes[of] ?? 0];
}

const sentences: Sentence[] = [
  {
    says: 'all',
    holds: async (text, { run }) => expect(numbersIn(text)).toEqual([run.model.n_layers * run.model.n_heads]),
  },
  {
    says: 'before',
    open: tellMe,
    holds: async (text, { run, request }) => {
      const [layer, head, share] = most(await twice(request, run), 'previous');
      const told = numbersIn(text);
      expect(told.slice(0, 2)).toEqual([layer, head]);
      percent(told[2], share);
    },
  },
  {
    says: 'follows',
    holds: async (text, { run, request }) => {
      const [layer, head, share] = most(await twice(request, run), 'induction');
      const told = numbersIn(text);
      expect(told.slice(0, 2)).toEqual([layer, head]);
      percent(told[2], share);
    },
  },
  {
    says: 'seeks',
    open: async (page) => {
      await page.getByTestId('figure-heads').getByText('One in full', { exact: true }).first().click();
      await page.getByText('Looks for, writes', { exact: true }).first().click();
    },
    holds: async (text, { run, request }) => {
      const [layer, head] = numbersIn(text);
      const ids = [...new Set(run.tokens.slice(0, run.prompt_length).map((t) => t.id))].slice(-16);
      const asked = { model: run.model.slug, layer, head, distance: 1, ids, top: 6 };
      const [pair] = (await rest<HeadCircuits>(request, '/heads/circuits', asked)).seeks.pairs;
      expect(plain(text)).toContain(`“${pair.from_text.trim()}” looks for “${pair.to_text.trim()}”`);
    },
  },
];
export default sentences;

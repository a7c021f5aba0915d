import type { APIRequestContext } from '@playwright/test';
import type { ModelDetails, Reads, RunManifest } from '../../src/api/types';
import { expect } from '../support';
import { captured, highest, near, numbersIn, plain, rest, tellMe, type Sentence } from '../sentence';

const reads = async (request: APIRequestContext, run: RunManifest) =>
  (await rest<Reads>(request, '/reads', { run: run.id, query: run.prompt_length - 1 })).heads;

/** What one position reads through the head that the chapter begins with. */
async function row(request: APIRequestContext, run: RunManifest, query: number): Promise<number[]> {
  const [{ layer, head }] = await reads(request, run);
  return captured(request, run, `blocks.${layer}.attn.hook_pattern`, `head=${head}&query=${query}`);
}
const percent = (found: number, share: number) => expect(Math.abs(found / 100 - share)).toBeLessThan(6e-4);

const sentences: Sentence[] = [
  {
    says: 'heads',
    holds: async (text, { run }) => expect(numbersIn(text)).toEqual([run.model.n_layers * run.model.n_heads]),
  },
  {
    says: 'most',
    holds: async (text, { run, request }) => {
      const weights = await row(request, run, run.prompt_length - 1);
      const key = highest(weights);
      expect(plain(text)).toContain(`“${run.tokens[key].text.trim()}”`);
      percent(numbersIn(text)[0], weights[key]);
    },
  },
  {
    says: 'read',
    open: tellMe,
    holds: async (text, { page, run, request }) => {
      const asked = /“(.+?)”/.exec(plain(await page.getByTestId('guess').innerText()))![1].trim();
      const [at, share] = numbersIn(text).slice(-2);
      const of = run.tokens.map((t, i) => ({ i, text: t.text.trim() })).filter((t) => t.text === asked);
      const rows = await Promise.all(of.map(({ i }) => row(request, run, i)));
      const own = rows.find((w) => highest(w) === at && Math.abs(share / 100 - w[at]) < 6e-4);
      expect(own, `${asked} reads ${at} most, ${share} %`).toBeTruthy();
      expect(plain(text)).toContain(`“${run.tokens[at].text.trim()}”`);
    },
  },
  {
    says: 'scale',
    holds: async (text, { run, request }) => {
      const { spec } = await rest<ModelDetails>(request, `/models/${run.model.slug}`);
      const [{ layer }] = await reads(request, run);
      near(numbersIn(text)[0], spec.layers[layer].attention!.scale);
    },
  },
  {
    says: 'rests',
    holds: async (text, { run, request }) => {
      const heads = await reads(request, run);
      const [layer, head, share, many, all] = numbersIn(text);
      const most = heads[highest(heads.map((h) => h.first))];
      expect([layer, head]).toEqual([most.layer, most.head]);
      percent(share, most.first);
      expect([many, all]).toEqual([heads.filter((h) => h.first > 0.5).length, heads.length]);
    },
  },
];
export default sentences;

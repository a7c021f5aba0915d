import type { APIRequestContext, Page } from '@playwright/test';
import type { ComparisonManifest, PassCost, RunManifest } from '../../src/api/types';
import { expect } from '../support';
import { numbersIn, rest, type Sentence } from '../sentence';

const UNITS = { B: 1, KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30 };

/** Sizes in a text, in bytes, with the digits that it has. */
function sizesIn(text: string): number[] {
  return [...text.matchAll(/([\d,.]+)\s?(B|KiB|MiB|GiB)\b/g)].map(
    ([, n, unit]) => Number(n.replaceAll(',', '')) * UNITS[unit as keyof typeof UNITS],
  );
}
const near = (found: number, is: number) => expect(Math.abs(found - is) / is).toBeLessThan(0.006);

async function cost(request: APIRequestContext, run: RunManifest, key: string, value: string): Promise<PassCost> {
  const { name, device } = run.engine;
  const asked = { model: run.model.slug, engine: name, device, kv_cache: { key, value } };
  return rest(request, '/cost', { request: asked, contexts: [run.model.max_context] });
}
const row = (c: PassCost) => c.cache.reduce((sum, l) => sum + l.bytes_per_position, 0);
const own = (run: RunManifest): [string, string] => [
  run.kv_cache.formats?.key ?? 'fp32',
  run.kv_cache.formats?.value ?? 'fp32',
];

/** One cache against one in 16 bits, over the run's tokens. */
async function rounded(request: APIRequestContext, run: RunManifest, key: string, value: string) {
  const side = { model: run.model.slug, engine: run.engine.name, device: run.engine.device };
  const tokens = run.tokens.slice(0, run.kv_cache.positions).map((t) => t.id);
  return rest<ComparisonManifest>(request, '/comparisons', {
    a: { ...side, tokens, kv_cache: { key: 'fp16', value: 'fp16' } },
    b: { ...side, kv_cache: { key, value } },
    options: { hooks: [], cost: false },
  });
}
const panel = (page: Page, name: string) =>
  page.getByTestId('figure-serving').getByText(name, { exact: true }).first().click();

const sentences: Sentence[] = [
  {
    says: 'again',
    holds: async (text, { run }) => {
      const before = run.prompt_length;
      const made = run.tokens.length - before;
      let without = 0;
      for (let pass = 0; pass < made; pass++) without += before + pass;
      const kept = before + made - 1;
      const ratio = Number((without / kept).toFixed(1));
      expect(numbersIn(text)).toEqual([made, before, without, kept, without - kept, ratio]);
    },
  },
  {
    says: 'price',
    holds: async (text, { run, request }) => {
      const held = run.tokens.length - 1;
      expect(numbersIn(text)[0]).toBe(held);
      near(sizesIn(text)[0], held * row(await cost(request, run, ...own(run))));
    },
  },
  {
    says: 'row',
    holds: async (text, { run, request }) => near(sizesIn(text)[0], row(await cost(request, run, ...own(run)))),
  },
  {
    says: 'full',
    holds: async (text, { run, request }) => {
      const is = await cost(request, run, ...own(run));
      expect(numbersIn(text)[0]).toBe(run.model.max_context);
      const [cache, weights] = sizesIn(text);
      near(cache, is.contexts.find((c) => c.positions === run.model.max_context)!.kept_bytes);
      near(weights, is.room.weights_bytes);
    },
  },
  {
    says: 'fewer',
    open: (page) => panel(page, 'Fewer bits'),
    holds: async (text, { run, request }) => {
      const most = run.model.max_context;
      const [eight, sixteen] = sizesIn(text);
      near(eight, most * row(await cost(request, run, 'int8', 'int8')));
      near(sixteen, most * row(await cost(request, run, 'fp16', 'fp16')));
      const both = (await rounded(request, run, 'int8', 'int8')).prompt!;
      const same = Math.round(both.same_top.value * both.positions);
      expect(text).toContain(`${same} of ${both.positions} tokens`);
    },
  },
  {
    says: 'moved',
    open: (page) => panel(page, 'Fewer bits'),
    holds: async (text, { run, request }) => {
      const keys = (await rounded(request, run, 'int8', 'fp16')).prompt!.mean_kld.value;
      const values = (await rounded(request, run, 'fp16', 'int8')).prompt!.mean_kld.value;
      const told = [...text.matchAll(/([\d.]+)(?:\s?×\s?10([⁻⁰¹²³⁴-⁹]+))?\s?nats/g)].map(([, n, power]) => {
        const ten = [...(power ?? '')].map((c) => (c === '⁻' ? '-' : '⁰¹²³⁴⁵⁶⁷⁸⁹'.indexOf(c))).join('');
        // Half a unit of the last digit that is written, either way.
        const unit = 10 ** (Number(ten || 0) - (n.split('.')[1]?.length ?? 0));
        return { is: Number(n) * 10 ** Number(ten || 0), half: 0.501 * unit };
      });
      expect(told.length).toBe(2);
      [keys, values].forEach((kl, i) => expect(Math.abs(told[i].is - kl)).toBeLessThanOrEqual(told[i].half));
    },
  },
];
export default sentences;

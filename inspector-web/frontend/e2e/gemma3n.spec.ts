import { expect, test, values } from './support';
import type { Page } from '@playwright/test';
import type { Lens, RunManifest } from '../src/api/types';

/**
 * The book on a Gemma 3n: a stream of several forms, keys and values of earlier layers, the token's own input to every
 * layer. Figures have REST's numbers, and no chapter asks for what the model lacks (`quiet` of support.ts).
 */

const SLOW = { timeout: 90_000 };
const TOKENS = [1, 17, 42, 8, 99, 3, 64, 25, 17, 42];
const MODEL = 'tiny-gemma3n';
/** Layers 3 and 4 attend to the keys and values of the last layers before them of the same reach. */
const LENT: Record<number, number> = { 3: 1, 4: 2 };

async function open(page: Page, view: string, run: RunManifest, more = ''): Promise<void> {
  await page.goto(`/${view}?model=${MODEL}&run=${run.id}${more}`);
  await expect(page.getByTestId('model-map')).toBeVisible(SLOW);
}

test('a Gemma 3n: lent keys, own inputs, the lens over all forms', async ({ page, request }) => {
  test.setTimeout(300_000);
  const data = { model: MODEL, tokens: TOKENS, capture: ['logits'], generate: { max_new_tokens: 3, greedy: true } };
  const response = await request.post('/api/v1/runs', { data, ...SLOW });
  expect(response.ok(), await response.text()).toBe(true);
  const run: RunManifest = await response.json();
  expect(run.kv_cache.layers.map((b) => b > 0)).toEqual([true, true, true, false, false]);

  const spec = (await (await request.get(`/api/v1/models/${MODEL}`)).json()).spec;
  for (const [layer, from] of Object.entries(LENT)) expect(spec.layers[layer].attention.keys_from).toBe(from);

  await open(page, 'chapters/08-attention-qkv', run, '&layer=4&head=1');
  const reading = page.getByTestId('figure-reading');
  await expect(reading).toContainText('layer 4', SLOW);
  await page.getByText('3 · Mix: values').click();
  await expect(page.getByTestId('mix')).toBeVisible(SLOW);

  await open(page, 'chapters/11-transformer-block', run, '&layer=3');
  await page.getByTestId('figure-built').getByText('The token’s own input').first().click();
  await expect(page.getByTestId('figure-built')).toContainText('Gate (GELU (tanh)) times input, and back', SLOW);

  await open(page, 'chapters/14-kv-cache', run);
  const serving = page.getByTestId('figure-serving');
  await expect(serving.getByText('Get this data')).toBeVisible(SLOW);

  await page.goto(`/trace?model=${MODEL}&run=${run.id}`);
  await expect(page.locator('[data-layer] [data-says]')).toHaveCount(spec.layers.length, SLOW);
  await page.getByTestId('figure-lens').scrollIntoViewIfNeeded();
  await expect(page.getByTestId('figure-lens').locator('canvas, svg').first()).toBeVisible(SLOW);
  const lens: Lens = await (
    await request.post('/api/v1/lens', { data: { run: run.id, hook: 'hook_resid_post', top: 1 } })
  ).json();
  expect(lens.rows.map((r) => r.hook)).toEqual(spec.layers.map((_: unknown, i: number) => `blocks.${i}.hook_forms`));
  const last = lens.rows.at(-1)!.cells.at(-1)!;
  expect(last.kl_to_final).toBeLessThan(1e-6);
  expect(last.final_token_rank).toBe(0);
  const forms = await values(request, run.id, 'blocks.4.hook_forms', 'pos=3&form=0');
  const first = await values(request, run.id, 'blocks.4.hook_resid_post', 'pos=3');
  // Two replays, of which one may be the fused form.
  forms.forEach((v, i) => expect(v).toBeCloseTo(first[i], 3));
});

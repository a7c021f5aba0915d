import { fits } from './fits';
import { expect, familiesOf, somePrompt, test, values } from './support';
import type { APIRequestContext, Page } from '@playwright/test';
import type { Logprobs, ModelDetails, ModelSummary, PassCost, RunManifest } from '../src/api/types';

/** Chapter 11 on whatever model the server opens: drawn from its spec, its numbers REST's, its skipped blocks runs. */

const PATH = '/chapters/11-transformer-block';
const SLOW = { timeout: 90_000 };

async function made(request: APIRequestContext, of?: ModelSummary): Promise<RunManifest> {
  const model = of ?? (await familiesOf(request)).shown[0];
  const text = somePrompt(model);
  const prompt = model.has_tokenizer ? { prompt: `${text} a cat. The cat` } : { tokens: text.split(' ').map(Number) };
  const data = { model: model.slug, ...prompt, capture: ['logits'], generate: { max_new_tokens: 3, greedy: true } };
  const response = await request.post('/api/v1/runs', { data, ...SLOW });
  expect(response.ok()).toBe(true);
  return response.json();
}

async function open(page: Page, run: RunManifest, more = ''): Promise<void> {
  await page.goto(`${PATH}?model=${run.model.slug}&run=${run.id}${more}`);
  await expect(page.getByTestId('figure-built').getByText('Get this data')).toBeVisible(SLOW);
}

const length = (v: number[]) => Math.hypot(...v);
const of = async (request: APIRequestContext, run: RunManifest, hook: string) => {
  const pos = run.prompt_length - 1;
  await request.post(`/api/v1/runs/${run.id}/captures`, { data: { capture: [hook], positions: `${pos}` }, ...SLOW });
  return length(await values(request, run.id, hook, `pos=${pos}`));
};

test('every family’s block is drawn from its spec, and its numbers are the run’s', async ({ page, request }) => {
  const { shown } = await familiesOf(request);
  test.setTimeout(120_000 * shown.length);
  for (const model of shown) {
    const run = await made(request, model);
    const { spec }: ModelDetails = await (await request.get(`/api/v1/models/${model.slug}`)).json();
    await open(page, run, '&layer=1&kept');
    const whole = page.getByTestId('whole');
    await expect(whole.locator('[data-hook="hook_resid_post"]')).toBeVisible(SLOW);
    const l = spec.layers[1];
    const names = ['ln1', 'attention', 'ln1_post', 'ln2', 'mlp', 'ln2_post'].filter((n) => l[n as keyof typeof l]);
    await expect(page.getByTestId('block').getByRole('option')).toHaveCount(names.length);
    for (const hook of ['hook_resid_pre', 'hook_attn_out', 'hook_mlp_out', 'hook_resid_post']) {
      const shown = Number(await whole.locator(`[data-hook="${hook}"]`).getAttribute('data-length'));
      const there = await of(request, run, `blocks.1.${hook}`);
      expect(Math.abs(shown - there) / there, `${model.slug} ${hook}`).toBeLessThan(1e-3);
    }
    const data = {
      request: { model: model.slug, engine: 'torch', precision: 'fp32' },
      past: run.prompt_length - 1,
      tokens: 1,
      contexts: [],
    };
    const cost: PassCost = await (await request.post('/api/v1/cost', { data })).json();
    const mine = (parts: string[]) => cost.parts.filter((p) => p.layer === 1 && parts.includes(p.part));
    const row = page.getByTestId('costs').locator('[data-piece="mlp"]');
    await expect(row).toBeVisible(SLOW);
    const sum = (name: 'parameters' | 'flops') =>
      mine(['mlp.in', 'mlp.act', 'mlp.out']).reduce((s, p) => s + p[name], 0);
    expect(Number(await row.getAttribute('data-parameters'))).toBe(sum('parameters'));
    expect(Number(await row.getAttribute('data-flops'))).toBe(sum('flops'));

    await page
      .getByTestId('block')
      .getByRole('option', { name: /^Attention/ })
      .click();
    await expect(page.getByTestId('opened')).toHaveAttribute('data-piece', 'attention');
    await page.getByTestId('opened').locator('[data-part="attn.qkv"] > button').click();
    const q = page.getByTestId('opened').locator('[data-hook="attn.hook_q"]');
    await expect(q).toBeVisible(SLOW);
    const there = await of(request, run, 'blocks.1.attn.hook_q');
    expect(Math.abs(Number(await q.getAttribute('data-length')) - there) / there).toBeLessThan(1e-3);
    await expect(page).toHaveURL(/piece=attention.*step=attn.qkv/);
  }
});

test('a skipped block is a run, in the URL and undone; a guess is checked against the runs', async ({
  page,
  request,
}) => {
  test.setTimeout(240_000);
  const run = await made(request);
  const skipped = async (layer: number): Promise<number> => {
    const interventions = ['hook_attn_out', 'hook_mlp_out'].map((h) => ({ hook: `blocks.${layer}.${h}`, op: 'zero' }));
    const tokens = run.tokens.slice(0, run.prompt_length).map((t) => t.id);
    const data = {
      request: { model: run.model.slug, engine: run.engine.name, tokens, interventions },
      tokens: [run.tokens[run.prompt_length].id],
    };
    const told: Logprobs = await (await request.post('/api/v1/logprobs', { data, ...SLOW })).json();
    return told.tokens[0].prob;
  };
  const probs: number[] = [];
  for (let i = 0; i < run.model.n_layers; i++) probs.push(await skipped(i));
  await open(page, run);
  for (const [heading, piece] of [
    [/^Attention: /, 'attention'],
    [/^Feed-forward: /, 'mlp'],
    [/^Norms keep/, /ln2/],
  ] as const) {
    // What is above may still grow and move the words away.
    await expect(async () => {
      await page.getByRole('heading', { name: heading }).evaluate((e) => e.scrollIntoView({ block: 'center' }));
      await expect(page.getByTestId('opened')).toHaveAttribute('data-piece', piece, { timeout: 5000 });
    }).toPass(SLOW);
  }
  const guess = page.getByTestId('guess');
  await guess.evaluate((e) => e.scrollIntoView({ block: 'center' }));
  await expect(page.getByTestId('figure-built').locator('h3')).toContainText('Which block', SLOW);
  await page.getByTestId('stack').getByRole('button').first().click();
  const told = guess.getByTestId('guess-prob');
  await expect(told).toBeVisible(SLOW);
  const layer = Number(await told.getAttribute('data-layer'));
  expect(probs[layer]).toBe(Math.min(...probs));

  await page
    .getByRole('heading', { name: /^One after another/ })
    .evaluate((e) => e.scrollIntoView({ block: 'center' }));
  const rows = page.getByTestId('stack').locator('[data-layer]');
  await expect(rows.last()).toHaveAttribute('data-prob', String(probs[0]), SLOW);
  await rows.nth(0).click();
  const top = run.model.n_layers - 1;
  await page.getByRole('button', { name: `Skip block ${top}` }).click();
  const panel = page.getByTestId('changes');
  await expect(panel.locator('[data-ready=true] p')).toBeVisible(SLOW);
  await expect.poll(() => new URL(page.url()).searchParams.get('changed')).toBeTruthy();
  const after: RunManifest = await (
    await request.get(`/api/v1/runs/${new URL(page.url()).searchParams.get('changed')}`)
  ).json();
  expect(after.request.interventions!.map((c) => [c.hook, c.op])).toEqual([
    [`blocks.${top}.hook_attn_out`, 'zero'],
    [`blocks.${top}.hook_mlp_out`, 'zero'],
  ]);
  await panel.getByRole('button', { name: /^Undo/ }).first().click();
  await panel.getByRole('button', { name: /^Undo/ }).first().click();
  await expect(panel).toHaveCount(0);
});

test('two families stand side by side, what differs is marked; an exported graph says why it cannot', async ({
  page,
  request,
}) => {
  test.setTimeout(200_000);
  const { shown, exported } = await familiesOf(request);
  const run = await made(request);
  for (const other of shown.slice(1)) {
    await open(page, run, `&kept&panel=side&other=${other.slug}`);
    await expect(page.getByTestId('side').getByRole('listbox')).toHaveCount(2, SLOW);
    const specs: ModelDetails[] = [];
    for (const slug of [run.model.slug, other.slug])
      specs.push(await (await request.get(`/api/v1/models/${slug}`)).json());
    const parallel = specs.map((s) => s.spec.layers[0].parallel);
    const order = page.getByTestId('facts').locator('tr').filter({ hasText: 'Order' });
    if (parallel[0] !== parallel[1]) await expect(order).toHaveAttribute('data-differs', 'true');
    const width = page.getByTestId('facts').locator('tr').filter({ hasText: 'Width of the stream' });
    await expect(width).toHaveAttribute('data-differs', String(specs[0].spec.d_model !== specs[1].spec.d_model));
  }
  for (const model of exported) {
    const other = await made(request, model);
    await page.goto(`${PATH}?model=${model.slug}&run=${other.id}`);
    await expect(page.getByTestId('cannot')).toContainText('exported elsewhere', SLOW);
  }
});

fits(
  [360, 768, 1400, 2560],
  [
    ['light', 'panel=block', 'whole'],
    ['dark', 'panel=block&piece=attention', 'opened'],
    ['light', 'panel=stack', 'stack'],
    ['dark', 'panel=side', 'side'],
  ],
  (request) => made(request),
  async (page, run, more, shown) => {
    await open(page, run, `&kept&${more}`);
    await expect(page.getByTestId(shown)).toBeVisible(SLOW);
  },
);

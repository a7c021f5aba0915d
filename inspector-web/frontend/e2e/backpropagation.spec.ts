import { fits } from './fits';
import { defaultModel, expect, somePrompt, test } from './support';
import type { APIRequestContext, Page } from '@playwright/test';
import type { Gradients, Learner, ModelSummary, Neuron, RunManifest } from '../src/api/types';

/** Chapter 6 on whatever model the server opens: gradients are REST's, the guess is checked, updates are real and undone. */

const PATH = '/chapters/06-backpropagation';
const SLOW = { timeout: 90_000 };

async function modelsOf(request: APIRequestContext): Promise<{ shown: ModelSummary[]; exported: ModelSummary[] }> {
  const own = await defaultModel(request);
  const { models }: { models: ModelSummary[] } = await (await request.get('/api/v1/models')).json();
  const others = ['tales-4m', 'tiny-gpt2'].flatMap((slug) =>
    models.filter((m) => m.slug === slug && slug !== own.slug),
  );
  return { shown: [own, ...others], exported: models.filter((m) => m.exported && !m.trouble).slice(0, 1) };
}

async function made(request: APIRequestContext, of?: ModelSummary): Promise<RunManifest> {
  const model = of ?? (await defaultModel(request));
  const text = somePrompt(model);
  const prompt = model.has_tokenizer ? { prompt: `${text} a cat. The cat` } : { tokens: text.split(' ').map(Number) };
  const response = await request.post('/api/v1/runs', {
    data: { model: model.slug, ...prompt, capture: ['logits'] },
    ...SLOW,
  });
  expect(response.ok()).toBe(true);
  return response.json();
}

async function gradientsOf(
  request: APIRequestContext,
  run: RunManifest,
  target: number,
  values?: string[],
): Promise<Gradients> {
  const data = {
    model: run.model.slug,
    tokens: run.tokens.slice(0, run.prompt_length).map((t) => t.id),
    targets: [{ pos: -1, token: target }],
    hooks: values ?? ['hook_embed', 'blocks.*.hook_resid_post'],
    values: values !== undefined,
  };
  const response = await request.post('/api/v1/gradients', { data, ...SLOW });
  expect(response.ok()).toBe(true);
  return response.json();
}

async function open(page: Page, run: RunManifest, more = ''): Promise<void> {
  await page.goto(`${PATH}?model=${run.model.slug}&run=${run.id}${more}`);
  await expect(page.getByTestId('figure-blame').getByText('Get this data')).toBeVisible(SLOW);
}

const targetOf = async (page: Page) => Number(await page.getByLabel('The token that should have come').inputValue());

test('the three passes have the server’s numbers, on every model, for whatever token is chosen', async ({
  page,
  request,
}) => {
  const { shown } = await modelsOf(request);
  test.setTimeout(120_000 * shown.length);
  for (const model of shown) {
    const run = await made(request, model);
    await open(page, run, '&kept&panel=passes&pass=backward');
    const rows = page.getByTestId('passes').locator('tr[data-layer]');
    await expect(rows).toHaveCount(run.model.n_layers, SLOW);
    for (const other of [false, true]) {
      if (other) {
        await page.getByLabel('The token that should have come').selectOption({ index: 4 });
        await expect(page).toHaveURL(/target=\d+/);
      }
      const g = await gradientsOf(request, run, await targetOf(page));
      await expect
        .poll(async () => Number(await page.locator('[data-loss]').getAttribute('data-loss')), SLOW)
        .toBeCloseTo(g.value, 5);
      for (let layer = 0; layer < run.model.n_layers; layer++) {
        const row = page.locator(`tr[data-layer="${layer}"]`);
        const gradient = g.hooks.find((h) => h.hook === `blocks.${layer}.hook_resid_post`)!;
        expect(Number(await row.locator('[data-here]').getAttribute('data-here'))).toBeCloseTo(
          gradient.by_position![run.prompt_length - 1],
          6,
        );
        const weights = Math.hypot(
          ...g.parameters.filter((p) => p.name.startsWith(`blocks.${layer}.`)).map((p) => p.norm),
        );
        expect(Number(await row.locator('[data-weights]').getAttribute('data-weights'))).toBeCloseTo(weights, 4);
        await expect(row.locator('[data-forward]')).toBeVisible();
      }
    }
  }
});

test('the first screen’s chain has the server’s numbers, and its update is answered beside the button', async ({
  page,
  request,
}) => {
  const run = await made(request);
  for (const size of [
    { width: 1400, height: 900 },
    { width: 390, height: 844 },
  ]) {
    await page.setViewportSize(size);
    await open(page, run);
    const chain = page.getByTestId('chain');
    await expect(chain).toBeVisible(SLOW);
    const [layer, neuron] = [await chain.getAttribute('data-layer'), await chain.getAttribute('data-neuron')];
    const pos = run.prompt_length - 1;
    const of = { run: run.id, layer: Number(layer), neuron: Number(neuron), pos };
    const told: Neuron = await (await request.post('/api/v1/neuron', { data: of, ...SLOW })).json();
    const { z, inputs } = told.sums[0].sum;
    const forward = await chain
      .locator('[data-value]')
      .evaluateAll((all) => all.map((e) => Number((e as SVGElement).dataset.value)));
    const g = await gradientsOf(request, run, await targetOf(page), [`blocks.${layer}.mlp.hook_pre`]);
    const expected = [inputs[0].value, inputs[0].weight, z, told.post, g.value];
    expected.forEach((value, i) => expect(forward[i] - value, `value ${i}`).toBeCloseTo(0, 4));
    const hook = g.hooks[0];
    const dPre = hook.values![pos * hook.shape.at(-1)! + Number(neuron)];
    const back = await chain
      .locator('[data-gradient]')
      .evaluateAll((all) => all.map((e) => Number((e as SVGElement).dataset.gradient)));
    expect(back[0]).toBeCloseTo(inputs[0].value * dPre, 6);
    expect(back[1]).toBeCloseTo(dPre, 6);
    await chain.getByRole('button', { name: 'Apply one update' }).click();
    const after = chain.locator('[data-after]');
    await expect(after).toBeInViewport(SLOW);
    const [button, answer] = [await chain.getByTestId('hands').boundingBox(), await after.boundingBox()];
    expect(answer!.y).toBeLessThan(button!.y + button!.height);
    await chain.getByRole('button', { name: /^Undo/ }).click();
    await expect(chain.getByText('byte for byte')).toBeInViewport(SLOW);
  }
});

test('an exported graph says why it cannot show it', async ({ page, request }) => {
  const { exported } = await modelsOf(request);
  // The run comes before the list that says what its model is: nothing is asked until that is known.
  await page.route('**/api/v1/models', (route) => setTimeout(() => void route.continue(), 1500));
  for (const model of exported) {
    const run = await made(request, model);
    await page.goto(`${PATH}?model=${run.model.slug}&run=${run.id}`);
    await expect(page.getByTestId('cannot')).toContainText('forwards only', SLOW);
  }
});

test('a guess is checked against the gradient, and the words move the figure', async ({ page, request }) => {
  const run = await made(request);
  await open(page, run);
  const chain = page.getByTestId('chain');
  await expect(chain).toBeVisible(SLOW);
  const g = await gradientsOf(request, run, await targetOf(page));
  const guess = page.getByTestId('guess');
  await guess.evaluate((e) => e.scrollIntoView({ block: 'center' }));
  await expect(page.getByTestId('figure-blame').locator('h3')).toContainText('lean on', SLOW);
  await page.getByTestId('saliency').getByRole('option').first().click();
  const best = Math.max(...g.hooks.find((h) => h.hook === 'hook_embed')!.by_position!.slice(0, -1));
  const told = (await guess.getByTestId('guess-length').innerText()).replace('−', '-');
  expect(Math.abs(Number.parseFloat(told) / best - 1)).toBeLessThan(1e-3);
  await expect(chain).toHaveCount(0);
  await page.getByRole('heading', { name: /^One link/ }).evaluate((e) => e.scrollIntoView({ block: 'center' }));
  await expect(page.getByTestId('chain')).toBeVisible(SLOW);
});

test('an update is applied, changes the odds, and is undone to the same losses', async ({ page, request }) => {
  const run = await made(request);
  await open(page, run, '&kept&panel=update');
  const update = page.getByTestId('update');
  await update.getByRole('button', { name: 'Apply one update' }).click();
  await expect(update.getByTestId('odds')).toBeVisible(SLOW);
  const read = async (what: string) => Number(await update.locator(`[data-${what}]`).getAttribute(`data-${what}`));
  const [before, after] = [await read('before'), await read('after')];
  expect(after).toBeLessThan(before);
  const g = await gradientsOf(request, run, await targetOf(page));
  expect(before).toBeCloseTo(g.value, 4);
  await update.getByRole('button', { name: /^Undo/ }).click();
  await expect(update.getByText('byte for byte')).toBeVisible(SLOW);
  await update.getByRole('button', { name: 'Apply one update' }).click();
  await expect(update.getByTestId('odds')).toBeVisible(SLOW);
  expect(await read('before'), 'undo gave back every byte').toBe(before);
  expect(await read('after')).toBe(after);
  await page.goto('/runs');
  const open_ = async () => (await (await request.get('/api/v1/learners')).json()).learners as Learner[];
  await expect.poll(async () => (await open_()).length, { message: 'leaving closes it' }).toBe(0);
});

fits(
  [360, 768, 1400, 2560],
  [
    ['light', 'passes', 'passes'],
    ['dark', 'tokens', 'saliency'],
    ['light', 'chain', 'chain'],
    ['dark', 'update', 'update'],
  ],
  (request) => made(request),
  async (page, run, panel, seen) => {
    await open(page, run, `&kept&panel=${panel}&pass=backward`);
    await expect(page.getByTestId(seen)).toBeVisible(SLOW);
  },
);

import { fits } from './fits';
import { defaultModel, expect, somePrompt, test, values } from './support';
import type { APIRequestContext, Page } from '@playwright/test';
import type { EvidenceUnit, FeedForward, ModelSummary, Neuron, NeuronActivations, RunManifest } from '../src/api/types';

/** Chapter 3 on whatever model the server opens: its numbers are REST's, its guess is the run's, its changes are runs. */

const PATH = '/chapters/03-neuron';
const SLOW = { timeout: 90_000 };

/** The server's own model, and of the others those that differ most: embedded, GPT-2's shape, an exported graph. */
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
  const data = { model: model.slug, ...prompt, capture: ['logits', 'blocks.*.mlp.hook_post'] };
  const response = await request.post('/api/v1/runs', { data, ...SLOW });
  expect(response.ok(), await response.text()).toBe(true);
  return response.json();
}

async function ask<A>(request: APIRequestContext, path: string, data: Record<string, unknown>): Promise<A> {
  const response = await request.post(`/api/v1/${path}`, { data, ...SLOW });
  expect(response.ok(), path).toBe(true);
  return response.json();
}

/** The neuron that makes the largest part of what its layer writes at the last prompt token. */
async function telling(request: APIRequestContext, run: RunManifest): Promise<FeedForward> {
  const layers = Array.from({ length: run.model.n_layers }, (_, layer) => layer);
  const parts = await Promise.all(
    layers.map((layer) => ask<FeedForward>(request, 'feedforward', { run: run.id, layer })),
  );
  return parts.reduce((a, b) => (b.strongest[0].share > a.strongest[0].share ? b : a));
}

async function open(page: Page, run: RunManifest, more = ''): Promise<void> {
  await page.goto(`${PATH}?model=${run.model.slug}&run=${run.id}${more}`);
  await expect(page.getByTestId('which')).toBeVisible(SLOW);
}

const step = (page: Page, name: string) => page.getByTestId('stage').getByText(name, { exact: true }).click();

test('its numbers are the server’s, for the neuron that makes most of its layer', async ({ page, request }) => {
  const { shown: all } = await modelsOf(request);
  test.setTimeout(120_000 * all.length);
  for (const model of all) {
    const run = await made(request, model);
    const part = await telling(request, run);
    const at = { run: run.id, layer: part.layer, neuron: part.strongest[0].neuron, top: 1000 };
    const neuron = await ask<Neuron>(request, 'neuron', at);
    await open(page, run);
    const figure = page.getByTestId('figure-neuron');
    await expect(figure).toContainText(`Neuron ${neuron.neuron} of layer ${neuron.layer}`);
    expect(new URL(page.url()).searchParams.get('neuron'), 'a default is not written down').toBeNull();

    const flows = await page
      .getByTestId('small')
      .locator('[data-product]')
      .evaluateAll((all) => all.map((e) => Number(e.dataset.product)));
    expect(flows, 'three products, and all others').toHaveLength(4);
    expect(flows.reduce((a, b) => a + b)).toBeCloseTo(neuron.sums[0].sum.z, 4);
    await step(page, '1 · Sum');
    const sum = page.getByTestId('sum');
    const smaller = sum.getByRole('button', { name: /smaller term/ });
    if (await smaller.count()) await smaller.click();
    const products = await sum
      .locator('[data-product]')
      .evaluateAll((all) => all.map((e) => Number(e.dataset.product)));
    expect(products).toHaveLength(run.model.d_model);
    const told = await sum.locator('td[data-value]').evaluateAll((all) => all.map((e) => Number(e.dataset.value)));
    expect(told.at(-1)).toBe(neuron.sums[0].sum.z);
    const bias = neuron.sums[0].sum.bias;
    expect(products.reduce((a, b) => a + b, bias)).toBeCloseTo(neuron.sums[0].sum.z, 3);

    await step(page, '2 · Bend');
    expect(Number(await page.getByTestId('post').getAttribute('data-value'))).toBe(neuron.post);
    await step(page, '3 · Write');
    const shown = await page
      .getByTestId('writes')
      .locator('tr[data-id]')
      .evaluateAll((all) => all.map((e) => [Number(e.dataset.id), Number(e.dataset.effect)]));
    const expected = [...neuron.raised.slice(0, 8), ...neuron.lowered.slice(0, 8)].map((r) => [r.id, r.effect]);
    expect(shown).toEqual(expected);
    await page.reload();
    await expect(page.getByTestId('writes'), 'the URL has the step').toBeVisible(SLOW);
  }
});

test('an exported graph says why it cannot show a neuron, and names a model that can', async ({ page, request }) => {
  const { exported } = await modelsOf(request);
  for (const model of exported) {
    const data = { model: model.slug, tokens: [5, 1, 7, 2] };
    const run: RunManifest = await (await request.post('/api/v1/runs', { data, ...SLOW })).json();
    await page.goto(`${PATH}?model=${model.slug}&run=${run.id}`);
    const cannot = page.getByTestId('cannot');
    await expect(cannot).toContainText('does not say which of its weights is which', SLOW);
    await expect(cannot.getByRole('link')).toContainText('can');
    await expect(page.getByTestId('figure-neuron')).toHaveCount(0);
  }
});

test('a guess is checked against the run, and the words move the figure and let it go', async ({ page, request }) => {
  const run = await made(request);
  const part = await telling(request, run);
  const fires = await values(
    request,
    run.id,
    `blocks.${part.layer}.mlp.hook_post`,
    `feature=${part.strongest[0].neuron}`,
  );
  const most = fires
    .slice(0, run.prompt_length)
    .reduce((best, v, i, all) => (Math.abs(v) > Math.abs(all[best]) ? i : best), 0);
  await open(page, run);
  const guess = page.getByTestId('guess');
  await guess.evaluate((e) => e.scrollIntoView({ block: 'center' }));
  await expect(page.getByTestId('figure-neuron').locator('h3')).toContainText('Which token', SLOW);
  await page.getByTestId('passage').getByRole('option').nth(most).click();
  await expect(guess).toContainText('Yes:', SLOW);
  await page.getByRole('heading', { name: 'It bends' }).evaluate((e) => e.scrollIntoView({ block: 'center' }));
  await expect(page.getByTestId('bend')).toBeVisible(SLOW);
  await page.getByRole('heading', { name: 'It writes' }).evaluate((e) => e.scrollIntoView({ block: 'center' }));
  await expect(page.getByTestId('writes')).toBeVisible(SLOW);
  await step(page, '1 · Sum');
  await page.getByRole('heading', { name: 'It bends' }).evaluate((e) => e.scrollIntoView({ block: 'center' }));
  await expect(page.getByTestId('sum'), 'a reader who touched it keeps it').toBeVisible();
  await page.getByRole('button', { name: 'Let the words move the figure again' }).click();
  await expect(page.getByTestId('bend')).toBeVisible(SLOW);
});

test('an input moves the sum, and what would come of it is run, named in the URL, and undone', async ({
  page,
  request,
}) => {
  const run = await made(request);
  const neuron = await ask<Neuron>(request, 'neuron', { run: run.id, layer: 1, neuron: 7, top: 1000 });
  await open(page, run, '&layer=1&neuron=7&kept&part=sum');
  await expect(page.getByTestId('figure-neuron')).toContainText('Neuron 7 of layer 1');
  const slider = page.getByTestId('sum').getByRole('slider');
  const before = neuron.sums[0].sum.inputs[0];
  await slider.focus();
  await page.keyboard.press('End');
  const z = page.getByTestId('what-z');
  await expect(z).not.toHaveAttribute('data-value', String(neuron.sums[0].sum.z));
  // The address follows after the frame.
  await expect.poll(() => new URL(page.url()).searchParams.get('value')).toBeTruthy();
  const value = Number(new URL(page.url()).searchParams.get('value'));
  const moved = neuron.sums[0].sum.z + (value - before.value) * before.weight;
  expect(Number(await z.getAttribute('data-value'))).toBeCloseTo(moved, 4);

  await page.getByRole('button', { name: /^Run it with/ }).click();
  const panel = page.getByTestId('changes');
  await expect(panel.locator('[data-ready=true] p')).toBeVisible(SLOW);
  await expect.poll(() => new URL(page.url()).searchParams.get('changed')).toBeTruthy();
  const changed = new URL(page.url()).searchParams.get('changed')!;
  const after: RunManifest = await (await request.get(`/api/v1/runs/${changed}`)).json();
  const [change] = after.request.interventions!;
  expect(change).toMatchObject({ hook: 'blocks.1.mlp.hook_post', op: 'replace', features: [7] });
  await panel.getByRole('button', { name: /^Undo/ }).first().click();
  await expect(panel).toHaveCount(0);
  await page.getByRole('button', { name: 'Silence it everywhere' }).click();
  await expect(panel.locator('[data-ready=true] p')).toBeVisible(SLOW);
});

test('in small, a weight that is dragged moves the sum and what the neuron gives, and comes back', async ({
  page,
  request,
}) => {
  const run = await made(request);
  const neuron = await ask<Neuron>(request, 'neuron', { run: run.id, layer: 1, neuron: 7, top: 1000 });
  await open(page, run, '&layer=1&neuron=7&kept');
  const gives = page.getByTestId('small-gives');
  await expect(gives).toHaveAttribute('data-value', String(neuron.post));
  const products = () =>
    page
      .getByTestId('small')
      .locator('[data-product]')
      .evaluateAll((all) => all.map((e) => Number(e.dataset.product)));
  const before = await products();
  await page.getByTestId('small').getByRole('slider').first().focus();
  await page.keyboard.press('End');
  await expect(gives).not.toHaveAttribute('data-value', String(neuron.post));
  const after = await products();
  const weight = Number(new URL(page.url()).searchParams.get('weights')?.split(',')[0]);
  expect(after[0]).toBeCloseTo(weight * neuron.sums[0].sum.inputs[0].value, 4);
  expect(after.slice(1), 'the others stay').toEqual(before.slice(1));
  await page.getByRole('button', { name: 'Weights as they were' }).click();
  await expect(gives).toHaveAttribute('data-value', String(neuron.post));
});

test('a neuron’s address is an entry; over a text it says where it fires', async ({ page, request }) => {
  const model = await defaultModel(request);
  await page.goto(`${PATH}?model=${model.slug}&layer=1&neuron=5`);
  await expect(page.getByTestId('figure-neuron')).toContainText('Neuron 5 of layer 1', SLOW);
  await expect(page.getByTestId('which')).toBeVisible(SLOW);
  if (!model.has_tokenizer) return;
  await step(page, '4 · Over a text');
  const where = page.getByTestId('where');
  await where.getByRole('textbox').fill('The cat saw the dog.');
  await where.getByRole('button', { name: 'Read it' }).click();
  const said = { model: model.slug, layer: 1, neuron: 5, text: 'The cat saw the dog.' };
  const rest = await ask<NeuronActivations>(request, 'neuron/activations', said);
  await expect(where.getByTestId('firing')).toHaveAttribute('data-firing', String(rest.firing), SLOW);
  await expect(where.getByRole('listitem')).toHaveCount(Math.min(6, rest.highest.length));
});

test('over a corpus its places are the sweep’s; a model without one says what to do, on a phone too', async ({
  page,
  request,
}) => {
  const { models }: { models: ModelSummary[] } = await (await request.get('/api/v1/models')).json();
  const run = await made(
    request,
    models.find((m) => m.slug === 'tales-4m')!,
  );
  await open(page, run, '&kept&part=corpus&layer=4&neuron=135');
  const corpus = page.getByTestId('corpus');
  const rest = await ask<EvidenceUnit>(request, 'evidence/unit', {
    run: run.id,
    hook: 'blocks.4.mlp.hook_post',
    unit: 135,
  });
  await expect(corpus.locator('[data-value]').first()).toHaveAttribute(
    'data-value',
    String(rest.unit!.high![0].value),
    SLOW,
  );
  await expect(corpus.locator('[data-firing]')).toHaveAttribute('data-firing', String(rest.unit!.firing));
  await page.getByTestId('figure-neuron').getByRole('button', { name: 'Get this data' }).click();
  await expect(page.getByLabel('Python lines')).toContainText('evidence_unit(');
  await corpus.getByRole('link', { name: /page/ }).click();
  await expect(page.getByRole('heading', { level: 1 })).toContainText('Neuron 135 of layer 4', SLOW);

  await page.setViewportSize({ width: 390, height: 844 });
  // With a tokenizer and without one.
  for (const slug of ['tiny64-Q4_0', 'tiny-gpt2']) {
    const bare = await made(
      request,
      models.find((m) => m.slug === slug)!,
    );
    await open(page, bare, '&kept&part=corpus');
    await expect(page.getByTestId('no-corpus')).toBeVisible(SLOW);
    expect(await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)).toBe(0);
  }
});

fits(
  [360, 768, 1400, 2560],
  [
    ['light', 'small'],
    ['dark', 'sum'],
    ['dark', 'write'],
  ],
  (request) => made(request),
  (page, run, part) => open(page, run, `&kept&part=${part}`),
);

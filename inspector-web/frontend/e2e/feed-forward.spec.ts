import { fits } from './fits';
import { defaultModel, expect, somePrompt, test, values } from './support';
import type { APIRequestContext, Page } from '@playwright/test';
import type { FeedForward, ModelSummary, Neuron, RunManifest } from '../src/api/types';

/** Chapter 4 on whatever model the server opens: its numbers are REST's, its guess is the run's, its changes are runs. */

const PATH = '/chapters/04-feed-forward';
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
  const data = { model: model.slug, ...prompt, capture: ['logits'] };
  const response = await request.post('/api/v1/runs', { data, ...SLOW });
  expect(response.ok()).toBe(true);
  return response.json();
}

async function partsOf(request: APIRequestContext, run: RunManifest): Promise<FeedForward[]> {
  const all: FeedForward[] = [];
  for (let layer = 0; layer < run.model.n_layers; layer++) {
    const response = await request.post('/api/v1/feedforward', { data: { run: run.id, layer }, ...SLOW });
    expect(response.ok()).toBe(true);
    all.push(await response.json());
  }
  return all;
}

async function open(page: Page, run: RunManifest, more = ''): Promise<void> {
  await page.goto(`${PATH}?model=${run.model.slug}&run=${run.id}${more}`);
  await expect(page.getByTestId('figure-rewriting').getByText('Get this data')).toBeVisible(SLOW);
}

const numbers = (page: Page, where: string, what: string) =>
  page
    .getByTestId(where)
    .locator(`[data-${what}]`)
    .evaluateAll((all, name) => all.map((e) => Number(e.getAttribute(`data-${name}`))), what);

test('its layers, vectors and neurons are the server’s, on every model', async ({ page, request }) => {
  const { shown } = await modelsOf(request);
  test.setTimeout(120_000 * shown.length);
  for (const model of shown) {
    const run = await made(request, model);
    const parts = await partsOf(request, run);
    const best = parts.reduce((a, b) => (b.ratio > a.ratio ? b : a));
    await open(page, run);
    const drawn = page.getByTestId('few');
    await expect(drawn).toBeVisible(SLOW);
    const four = best.strongest.slice(0, 4);
    const bent = await values(request, run.id, `blocks.${best.layer}.mlp.hook_post`, `pos=${run.prompt_length - 1}`);
    const buttons = page.getByRole('group', { name: 'Neuron that is looked at' }).getByRole('button');
    expect(await buttons.allInnerTexts()).toEqual(four.map((n) => `neuron ${n.neuron}`));
    const gives = await buttons.evaluateAll((all) => all.map((e) => Number(e.dataset.gives)));
    four.forEach((n, i) => expect(gives[i]).toBeCloseTo(bent[n.neuron], 4));
    // The last matrix's cells: a place of the stream that is written to, and a neuron's column.
    const last = drawn.getByRole('table').last();
    const place = await last.getByRole('rowheader').first().innerText();
    const path = `tensors/blocks.${best.layer}.mlp.out.weight?rows=${place}:${Number(place) + 1}`;
    const { values: written } = await (
      await request.get(`/api/v1/models/${model.slug}/${path}`, { headers: { accept: 'application/json' } })
    ).json();
    const cells = await last.locator('[data-weight]').evaluateAll((all) => all.map((e) => Number(e.dataset.weight)));
    expect(cells.slice(0, 4)).toEqual(four.map((n) => written[0][n.neuron]));
    await expect(page.getByTestId('which')).toContainText(`Layer ${best.layer}`);
    await page.getByText('All layers', { exact: true }).click();
    await expect(page.getByTestId('layers')).toBeVisible(SLOW);
    expect(await numbers(page, 'layers', 'ratio')).toEqual(parts.map((f) => f.ratio));

    await page.getByText('Strongest neurons', { exact: true }).click();
    await expect(page.getByTestId('strongest')).toBeVisible(SLOW);
    expect(await numbers(page, 'strongest', 'neuron')).toEqual(best.strongest.slice(0, 12).map((n) => n.neuron));
    expect(await numbers(page, 'strongest', 'share')).toEqual(best.strongest.slice(0, 12).map((n) => n.share));

    await page.getByText('All of them', { exact: true }).click();
    await expect(page.getByTestId('stages')).toBeVisible(SLOW);
    const post = page.getByTestId('stages').locator('[data-post]');
    await expect(post).toBeVisible(SLOW);
    expect(await numbers(page, 'stages', 'size')).toEqual([best.neurons, best.neurons, run.model.d_model]);
    const at = { run: run.id, layer: best.layer, neuron: best.strongest[0].neuron };
    const neuron: Neuron = await (await request.post('/api/v1/neuron', { data: at })).json();
    expect(Number(await post.getAttribute('data-post'))).toBeCloseTo(neuron.post, 5);
    const hook = `blocks.${best.layer}.mlp.hook_post`;
    const row = await values(request, run.id, hook, `pos=${run.prompt_length - 1}`);
    expect(row[best.strongest[0].neuron]).toBeCloseTo(neuron.post, 4);
  }
});

test('the product: a cell’s terms add up to the model’s own sum, as matrices and as connections', async ({
  page,
  request,
}) => {
  const { shown } = await modelsOf(request);
  test.setTimeout(120_000 * shown.length);
  for (const model of shown) {
    const run = await made(request, model);
    await open(page, run, '&kept&part=matrix&layer=1&neuron=5');
    const meeting = page.getByTestId('meeting');
    await expect(meeting.getByRole('application')).toBeVisible(SLOW);
    const sum = (await values(request, run.id, 'blocks.1.mlp.hook_pre', `pos=${run.prompt_length - 1}`))[5];
    const terms = meeting.locator('tr', { hasText: /sum of neuron 5/ });
    await expect(terms).toBeVisible(SLOW);
    expect(Number((await terms.locator('[title]').last().getAttribute('title'))!.replace('−', '-'))).toBeCloseTo(
      sum,
      4,
    );
    await page.getByText('Connections', { exact: true }).click();
    await expect(page).toHaveURL(/drawn=lines/);
    await expect(meeting.getByRole('application')).toBeVisible();
    await meeting.getByRole('application').focus();
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('Enter');
    await expect(page).toHaveURL(/neuron=6/);
  }
});

test('an exported graph says why it cannot show it', async ({ page, request }) => {
  const { exported } = await modelsOf(request);
  for (const model of exported) {
    const run = await made(request, model);
    await page.goto(`${PATH}?model=${run.model.slug}&run=${run.id}`);
    await expect(page.getByTestId('cannot')).toContainText('exported', SLOW);
  }
});

test('a guess is checked, and the words move the figure', async ({ page, request }) => {
  const run = await made(request);
  await open(page, run);
  const guess = page.getByTestId('guess');
  await guess.evaluate((e) => e.scrollIntoView({ block: 'center' }));
  await expect(page.getByTestId('figure-rewriting').locator('h3')).toContainText('Which layer', SLOW);
  await page.getByTestId('layers').getByRole('button').first().click();
  const told = Number.parseFloat(await guess.getByTestId('guess-ratio').innerText());
  const parts = await partsOf(request, run);
  expect(told).toBeCloseTo(Math.max(...parts.map((f) => f.ratio)), 2);
  await page.getByRole('heading', { name: /^Expand/ }).evaluate((e) => e.scrollIntoView({ block: 'center' }));
  await expect(page.getByTestId('stages')).toBeVisible(SLOW);
  await page.getByRole('heading', { name: /^How many/ }).evaluate((e) => e.scrollIntoView({ block: 'center' }));
  await expect(page.getByTestId('strongest')).toBeVisible(SLOW);
});

test('the strongest are silenced at once: one run, in the URL, undone', async ({ page, request }) => {
  const run = await made(request);
  await open(page, run, '&kept&part=strongest&most=3');
  await page.getByRole('button', { name: 'Silence 3 neurons at this token' }).click();
  const panel = page.getByTestId('changes');
  await expect(panel.locator('[data-ready=true] p')).toBeVisible(SLOW);
  await expect.poll(() => new URL(page.url()).searchParams.get('changed')).toBeTruthy();
  const id = new URL(page.url()).searchParams.get('changed')!;
  const after: RunManifest = await (await request.get(`/api/v1/runs/${id}`)).json();
  const [change] = after.request.interventions!;
  expect(change).toMatchObject({ op: 'zero', positions: [run.prompt_length - 1] });
  expect(change.features).toHaveLength(3);
  await panel.getByRole('button', { name: /^Undo/ }).first().click();
  await expect(panel).toHaveCount(0);
});

fits(
  [360, 1400],
  [
    ['light', 'few'],
    ['light', 'layers'],
    ['dark', 'stages'],
    ['light', 'strongest'],
    ['light', 'matrix'],
  ],
  (request) => made(request),
  async (page, run, part) => {
    await open(page, run, `&kept&part=${part}`);
    await expect(page.getByTestId(part === 'matrix' ? 'meeting' : part)).toBeVisible(SLOW);
  },
);

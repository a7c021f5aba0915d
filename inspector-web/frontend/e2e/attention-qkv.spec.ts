import { fits } from './fits';
import { defaultModel, expect, somePrompt, test, values } from './support';
import type { APIRequestContext, Page } from '@playwright/test';
import type { Reads, RunManifest } from '../src/api/types';

/** Chapter 8 on whatever model the server opens: its numbers are REST's, its words move the figure, its changes are runs. */

const PATH = '/chapters/08-attention-qkv';
const SLOW = { timeout: 90_000 };

async function made(request: APIRequestContext): Promise<RunManifest> {
  const model = await defaultModel(request);
  const text = somePrompt(model);
  const prompt = model.has_tokenizer ? { prompt: `${text} a cat. The cat` } : { tokens: text.split(' ').map(Number) };
  const capture = ['logits', 'blocks.*.attn.hook_pattern'];
  const response = await request.post('/api/v1/runs', { data: { model: model.slug, ...prompt, capture }, ...SLOW });
  expect(response.ok()).toBe(true);
  return response.json();
}

async function readsOf(request: APIRequestContext, run: RunManifest): Promise<Reads> {
  return (await request.post('/api/v1/reads', { data: { run: run.id } })).json();
}

/** Opens the chapter on a run and waits for its figure. */
async function open(page: Page, run: RunManifest, more = ''): Promise<void> {
  await page.goto(`${PATH}?model=${run.model.slug}&run=${run.id}${more}`);
  await expect(page.getByTestId('figure-reading').getByText('Get this data')).toBeVisible(SLOW);
  await expect(page.getByTestId('which')).toBeVisible(SLOW);
}

test('its numbers are the run’s, for the head that tells most', async ({ page, request }) => {
  const run = await made(request);
  const best = (await readsOf(request, run)).heads[0];
  const query = run.prompt_length - 1;
  await open(page, run);
  await expect(page.getByTestId('figure-reading')).toContainText(`layer ${best.layer}, head ${best.head}`);
  expect(new URL(page.url()).searchParams.get('layer'), 'a default is not written down').toBeNull();

  const at = `blocks.${best.layer}.attn`;
  const slice = `query=${query}&head=${best.head}`;
  const [weights, scores] = await Promise.all(
    ['hook_pattern', 'hook_attn_scores'].map((h) => values(request, run.id, `${at}.${h}`, slice)),
  );
  const carried = page.getByTestId('route').locator('button[data-key]');
  expect(await carried.count()).toBeGreaterThan(1);
  for (const one of await carried.all())
    expect(Number(await one.getAttribute('data-weight'))).toBe(weights[Number(await one.getAttribute('data-key'))]);
  await page.getByText('2 · Weigh: softmax').click();
  const rows = page.getByTestId('weigh').locator('tbody tr[data-key]');
  await expect(rows.first()).toBeVisible();
  for (const row of await rows.all()) {
    const key = Number(await row.getAttribute('data-key'));
    expect(Number(await row.locator('[data-weight]').getAttribute('data-weight'))).toBe(weights[key]);
    expect(Number(await row.locator('[data-score]').getAttribute('data-score'))).toBe(scores[key]);
  }

  await page.getByText('1 · Match: q · k').click();
  const match = page.getByTestId('match');
  const smaller = match.getByRole('button', { name: /smaller term/ });
  if (await smaller.count()) await smaller.click();
  const products = await match
    .locator('[data-product]')
    .evaluateAll((all) => all.map((e) => Number(e.dataset.product)));
  expect(products).toHaveLength(run.model.d_head);
  expect(products.map(Math.abs)).toEqual(products.map(Math.abs).sort((a, b) => b - a));
  const sum = Number(await match.locator('[data-sum]').getAttribute('data-sum'));
  expect(sum).toBeCloseTo(
    products.reduce((a, b) => a + b, 0),
    4,
  );
  const told = await match.locator('[data-value]').evaluateAll((all) => all.map((e) => Number(e.dataset.value)));
  const heaviest = weights.indexOf(Math.max(...weights));
  expect(told.at(-1), 'the model’s own score').toBe(scores[heaviest]);
  expect(told.at(-2), 'is what the terms come to').toBeCloseTo(scores[heaviest], 3);

  await page.getByText('3 · Mix: values').click();
  await expect(page.getByTestId('written')).toBeVisible(SLOW);
  const result = await values(request, run.id, `${at}.hook_result`, `pos=${query}&head=${best.head}`);
  const written = Number(await page.getByTestId('written').getAttribute('data-value'));
  expect(written).toBeCloseTo(Math.hypot(...result), 3);
  await page.reload();
  await expect(page.getByTestId('mix'), 'the URL has the step').toBeVisible(SLOW);
});

test('a run of fewer tokens than the one before takes its place', async ({ page, request }) => {
  const run = await made(request);
  await open(page, run);
  await page.getByText('2 · Weigh: softmax').click();
  const rows = page.getByTestId('weigh').locator('tbody tr[data-key]');
  await expect(rows.first()).toBeVisible(SLOW);
  const ids = !(await defaultModel(request)).has_tokenizer;
  await page.getByRole('textbox', { name: 'Prompt' }).fill(ids ? '5 4' : 'the');
  await page.getByRole('button', { name: 'Run', exact: true }).click();
  await expect(page.getByTestId('status')).toContainText('Last run:', SLOW);
  await expect(page).not.toHaveURL(new RegExp(run.id));
  const id = new URL(page.url()).searchParams.get('run');
  await expect(page.getByTestId('figure-reading')).toContainText(`run ${id}`);
  await expect(page.getByTestId('route'), 'another text begins with the picture').toBeVisible(SLOW);
  await page.getByText('2 · Weigh: softmax').click();
  await expect(rows.first()).toBeVisible(SLOW);
});

test('a guess is checked against the run, and the words move the figure and let it go', async ({ page, request }) => {
  const run = await made(request);
  await open(page, run);
  const stage = page.getByTestId('stage');
  const guess = page.getByTestId('guess');
  await guess.evaluate((e) => e.scrollIntoView({ block: 'center' }));
  await expect(page.getByTestId('figure-reading').locator('h3')).toContainText('Which token does', SLOW);
  await expect(page.getByTestId('weigh')).toHaveCount(0);
  await stage.getByTestId('passage').getByRole('application').focus();
  await page.keyboard.press('Home');
  await page.keyboard.press('Enter');
  await expect(guess).toContainText('%', SLOW);
  const weight = Number.parseFloat(await guess.getByTestId('guess-weight').innerText());
  expect(weight).toBeGreaterThan(0);

  await page.getByRole('heading', { name: /^Mix/ }).evaluate((e) => e.scrollIntoView({ block: 'center' }));
  await expect(page.getByTestId('mix')).toBeVisible(SLOW);
  await page.getByRole('heading', { name: /^Match/ }).evaluate((e) => e.scrollIntoView({ block: 'center' }));
  await expect(page.getByTestId('match')).toBeVisible(SLOW);

  await page.getByText('2 · Weigh: softmax').click();
  await page.getByRole('heading', { name: /^Mix/ }).evaluate((e) => e.scrollIntoView({ block: 'center' }));
  await expect(page.getByTestId('weigh'), 'a reader who touched it keeps it').toBeVisible();
  await page.getByRole('button', { name: 'Let the words move the figure again' }).click();
  await expect(page.getByTestId('mix')).toBeVisible(SLOW);
});

test('a head is silenced and an edge forbidden: each is a run, named in the URL, and undone', async ({
  page,
  request,
}) => {
  const run = await made(request);
  await open(page, run);
  // Where the words speak of it: at the guess the figure asks, and offers no changes.
  const there = () =>
    page.getByRole('heading', { name: 'Take it away' }).evaluate((e) => e.scrollIntoView({ block: 'center' }));
  await there();
  await page.getByRole('button', { name: /^Forbid it to read/ }).click();
  const panel = page.getByTestId('changes');
  await expect(panel.locator('[data-ready=true] p')).toBeVisible(SLOW);
  await expect.poll(() => new URL(page.url()).searchParams.get('changed')).toBeTruthy();
  const changed = new URL(page.url()).searchParams.get('changed')!;
  const after: RunManifest = await (await request.get(`/api/v1/runs/${changed}`)).json();
  const [edge] = after.request.interventions!;
  expect(edge).toMatchObject({ op: 'mask', positions: [run.prompt_length - 1] });
  const row = await values(
    request,
    changed,
    edge.hook.replace('attn_scores', 'pattern'),
    `query=${edge.positions![0]}&head=${edge.heads![0]}`,
  );
  expect(row[edge.keys![0]]).toBe(0);
  expect(row.reduce((a, b) => a + b, 0)).toBeCloseTo(1, 4);

  await page.reload();
  await expect(panel.locator('[data-ready=true] p'), 'the URL restores it').toBeVisible(SLOW);
  await panel.getByRole('button', { name: /^Undo/ }).first().click();
  await expect(panel).toHaveCount(0);
  await there();
  await page.getByRole('button', { name: 'Silence this head' }).click();
  await expect(panel.locator('[data-ready=true] p')).toBeVisible(SLOW);
});

test('a chosen token reads, and Back leads to the run before', async ({ page, request }) => {
  const run = await made(request);
  await open(page, run);
  const text = page.getByTestId('passage').getByRole('application');
  await text.focus();
  await page.keyboard.press('ArrowLeft');
  await page.keyboard.press('Enter');
  await expect(page).toHaveURL(new RegExp(`token=${run.prompt_length - 2}`));
  await page.getByRole('toolbar', { name: 'Prompts to try' }).getByRole('button').first().click();
  await expect(page).not.toHaveURL(new RegExp(run.id), SLOW);
  expect(page.url(), 'another text has its own reader').not.toContain('token=');
  await expect(page.getByTestId('which')).toBeVisible(SLOW);
  await page.goBack();
  await expect(page.getByTestId('figure-reading').getByText(`run ${run.id}`)).toBeVisible(SLOW);
  await expect(page).toHaveURL(new RegExp(`token=${run.prompt_length - 2}`));
});

fits([360, 768, 1400, 2560], [['light'], ['dark']], made, (page, run) => open(page, run));

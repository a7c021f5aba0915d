import { fits } from './fits';
import { defaultModel, expect, somePrompt, test } from './support';
import type { APIRequestContext, Page } from '@playwright/test';
import type { Continuations, Logprobs, RunManifest } from '../src/api/types';

/** Chapter 5 on whatever model the server opens: scores, shares, cuts and draws are the server's own. */

const PATH = '/chapters/05-logits-sampling';
const SLOW = { timeout: 90_000 };

async function made(request: APIRequestContext): Promise<RunManifest> {
  const model = await defaultModel(request);
  const text = somePrompt(model);
  const prompt = model.has_tokenizer ? { prompt: text } : { tokens: text.split(' ').map(Number) };
  const generate = { max_new_tokens: 6, greedy: true, alternatives: 10 };
  const response = await request.post('/api/v1/runs', {
    data: { model: model.slug, ...prompt, capture: ['logits'], generate },
    ...SLOW,
  });
  expect(response.ok()).toBe(true);
  return response.json();
}

async function open(page: Page, run: RunManifest, more = ''): Promise<void> {
  await page.goto(`${PATH}?model=${run.model.slug}&run=${run.id}${more}`);
  await expect(page.getByTestId('figure-choice').getByText('Get this data')).toBeVisible(SLOW);
}

async function ask<R>(request: APIRequestContext, path: string, data: unknown): Promise<R> {
  const response = await request.post(`/api/v1/${path}`, { data, ...SLOW });
  expect(response.ok(), `${path} ${JSON.stringify(data)} ${response.status()}`).toBe(true);
  return response.json();
}

/** What the server would draw from after the prompt. */
async function distribution(request: APIRequestContext, run: RunManifest, generate: object): Promise<number[]> {
  const body = { request: { branch: { run: run.id, position: run.prompt_length }, generate } };
  const response = await request.post('/api/v1/distribution', { data: body, headers: { accept: 'application/json' } });
  expect(response.ok()).toBe(true);
  return (await response.json()).values;
}

const shown = (page: Page, what: string) =>
  page
    .getByTestId('steps')
    .locator(`[data-${what}]`)
    .evaluateAll((all, name) => all.map((e) => Number(e.getAttribute(`data-${name}`))), what);

test('scores, shares and cuts are what the server would draw from', async ({ page, request }) => {
  const run = await made(request);
  await open(page, run, '&kept&pick=sample&temperature=0.7&top_p=0.9&repeat=1.3');
  await expect(page.getByTestId('steps')).toBeVisible(SLOW);
  const options = { greedy: false, temperature: 0.7, repetition_penalty: 1.3 };
  const ids = await shown(page, 'id');
  const [warm, left] = await Promise.all([
    distribution(request, run, options),
    distribution(request, run, { ...options, top_p: 0.9 }),
  ]);
  const near = (told: number[], real: number[]) =>
    told.forEach((v, i) => expect(v, `token ${ids[i]}`).toBeCloseTo(real[ids[i]], 5));
  near(await shown(page, 'warm'), warm);
  near(await shown(page, 'left'), left);
  expect(Number(await page.getByTestId('steps').getAttribute('data-kept'))).toBe(left.filter((v) => v > 0).length);
});

test('penalties count what the model wrote, as the server does', async ({ page, request }) => {
  const run = await made(request);
  const token = run.prompt_length + 3;
  await open(page, run, `&kept&pick=sample&temperature=1&token=${token}&presence=0.8&frequency=0.4`);
  await expect(page.getByTestId('steps')).toBeVisible(SLOW);
  const generate = { greedy: false, temperature: 1, presence_penalty: 0.8, frequency_penalty: 0.4 };
  const body = { request: { branch: { run: run.id, position: token + 1 }, generate } };
  const response = await request.post('/api/v1/distribution', { data: body, headers: { accept: 'application/json' } });
  const { values } = await response.json();
  const [ids, warm] = [await shown(page, 'id'), await shown(page, 'warm')];
  expect(ids.length).toBeGreaterThan(3);
  warm.forEach((v, i) => expect(v, `token ${ids[i]}`).toBeCloseTo(values[ids[i]], 5));
});

test('a draw is the sampler’s, a hundred are counted, and both can be asked again', async ({ page, request }) => {
  const run = await made(request);
  await open(page, run, '&kept&pick=sample');
  const body = (n: number, seed: number) => ({
    request: {
      branch: { run: run.id, position: run.prompt_length },
      generate: { max_new_tokens: 1, greedy: false, temperature: 1, seed },
    },
    n,
  });
  await page.getByRole('button', { name: 'Draw', exact: true }).click();
  const drawn = page.getByTestId('drawn');
  await expect(drawn).toContainText('came', SLOW);
  const temperature = Number(new URL(page.url()).searchParams.get('temperature') ?? 1);
  const one = body(1, 1);
  one.request.generate.temperature = temperature;
  const first = (await ask<Continuations>(request, 'continuations', one)).continuations[0].tokens[0];
  await expect(drawn).toHaveAttribute('data-id', String(first.id));

  await page.getByText('100 draws', { exact: true }).click();
  await expect(page.getByTestId('hundred')).toBeVisible(SLOW);
  const many = body(100, 1);
  many.request.generate.temperature = temperature;
  const all = (await ask<Continuations>(request, 'continuations', many)).continuations.map((c) => c.tokens[0].id);
  const rows = await page
    .getByTestId('counts')
    .locator('[data-id]')
    .evaluateAll((list) => list.map((e) => [Number(e.dataset.id), Number(e.dataset.right)]));
  for (const [id, share] of rows) expect(share).toBeCloseTo(all.filter((a) => a === id).length / 100, 9);
  expect(Number(await page.getByTestId('hundred').getAttribute('data-kinds'))).toBe(new Set(all).size);
});

test('a way not taken is taken: a branch is a run, in the tree and in the URL, and can be taken away', async ({
  page,
  request,
}) => {
  const run = await made(request);
  await open(page, run, '&kept&panel=tree');
  const other = page.getByTestId('branches').locator('.others button').first();
  await expect(other).toBeVisible(SLOW);
  const id = Number(await other.getAttribute('data-id'));
  await other.click();
  const branch = page.getByTestId('tree').locator('[data-run]');
  await expect(branch).toHaveCount(1, SLOW);
  const made_ = await branch.getAttribute('data-run');
  const after: RunManifest = await (await request.get(`/api/v1/runs/${made_}`)).json();
  expect(after.request.branch).toMatchObject({ run: run.id });
  expect(after.tokens[after.prompt_length - 1].id).toBe(id);
  expect(after.timings.reused_positions).toBeGreaterThan(0);
  await page.reload();
  await expect(branch, 'the URL has the tree').toHaveCount(1, SLOW);
  await page.getByRole('button', { name: /^Take away/ }).click();
  await expect(branch).toHaveCount(0);
  await open(page, run, '&kept&panel=tree');
  await expect(branch, 'the run keeps its tree').toHaveCount(1, SLOW);
});

test('a text’s odds are the server’s, token by token', async ({ page, request }) => {
  const model = await defaultModel(request);
  test.skip(!model.has_tokenizer, 'a text needs a tokenizer');
  const run = await made(request);
  await open(page, run, '&kept&panel=said');
  await page.getByLabel('How the text could go on').fill(' a cat');
  await expect.poll(() => new URL(page.url()).searchParams.get('say')).toBe(' a cat');
  const body = { request: { branch: { run: run.id, position: run.prompt_length } }, text: ' a cat' };
  const { logprob, tokens } = await ask<Logprobs>(request, 'logprobs', body);
  const said = page.getByTestId('said');
  await expect.poll(async () => Number(await said.getAttribute('data-logprob')), SLOW).toBeCloseTo(logprob, 6);
  expect(logprob).toBeCloseTo(
    tokens.reduce((s, t) => s + t.logprob, 0),
    6,
  );
  await expect(said.getByRole('option')).toHaveCount(tokens.length);
});

test('a guess is checked, the words move the sliders, and a slider that is moved is the bar’s', async ({
  page,
  request,
}) => {
  const run = await made(request);
  await open(page, run);
  const guess = page.getByTestId('guess');
  await guess.evaluate((e) => e.scrollIntoView({ block: 'center' }));
  await expect(page.getByTestId('figure-choice').locator('h3')).toContainText('gains most', SLOW);
  await page.getByTestId('steps').locator('button.name').first().click();
  await expect(guess.getByTestId('guess-hot')).toContainText('%');

  const to = (name: RegExp) =>
    page.getByRole('heading', { name }).evaluate((e) => e.scrollIntoView({ block: 'center' }));
  await to(/^Temperature/);
  await expect(page.getByTestId('steps')).toContainText('÷ 1.60', SLOW);
  await to(/^Cutting/);
  await expect(page.getByTestId('steps')).toContainText('may come', SLOW);
  await to(/^When does it know/);
  await expect(page.getByTestId('depth')).toBeVisible(SLOW);
  const lens = await ask<{ rows: { cells: { pos: number; top: { prob: number }[] }[] }[] }>(request, 'lens', {
    run: run.id,
    top: 5,
  });
  const probs = await page
    .getByTestId('depth')
    .locator('[data-prob]')
    .evaluateAll((all) => all.map((e) => Number(e.dataset.prob)));
  const real = lens.rows.map((r) => r.cells.find((c) => c.pos === run.prompt_length - 1)!.top[0].prob);
  probs.forEach((v, i) => expect(v).toBeCloseTo(real[i], 6));

  await to(/^Cutting/);
  await expect(page.getByTestId('steps')).toBeVisible(SLOW);
  await page.getByLabel('Temperature', { exact: true }).press('ArrowRight');
  await expect
    .poll(() => new URL(page.url()).searchParams.get('pick'), 'a slider that is moved is meant')
    .toBe('sample');
  await expect(page.getByRole('button', { name: 'Let the words move the figure again' })).toBeVisible();
});

fits(
  [360, 1400],
  [
    ['light', 'steps'],
    ['dark', 'hundred'],
    ['light', 'tree'],
    ['dark', 'depth'],
  ],
  made,
  async (page, run, panel) => {
    await open(page, run, `&kept&panel=${panel}&pick=sample`);
    await expect(page.getByTestId(panel).first()).toBeVisible(SLOW);
  },
);

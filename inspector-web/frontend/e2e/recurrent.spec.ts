import { expect, test } from './support';
import type { APIRequestContext, Page } from '@playwright/test';
import type { EffectiveAttention, RunManifest } from '../src/api/types';

/**
 * The book on models whose layers keep a state: a delta net and a Mamba 2 beside attention, and a Mamba without any.
 * Figures have REST's numbers, and no chapter asks for what the model lacks (`quiet` of support.ts).
 */

const SLOW = { timeout: 90_000 };
const TOKENS = [1, 17, 42, 8, 99, 3, 64, 25, 17, 42];

async function made(request: APIRequestContext, model: string): Promise<RunManifest> {
  const data = { model, tokens: TOKENS, capture: ['logits'], generate: { max_new_tokens: 3, greedy: true } };
  const response = await request.post('/api/v1/runs', { data, ...SLOW });
  expect(response.ok(), await response.text()).toBe(true);
  return response.json();
}

async function effective(request: APIRequestContext, run: RunManifest, layer: number, of: string) {
  const response = await request.get(`/api/v1/runs/${run.id}/effective/${layer}?${of}`, {
    headers: { accept: 'application/json' },
  });
  expect(response.ok(), await response.text()).toBe(true);
  return (await response.json()) as EffectiveAttention;
}

async function open(page: Page, view: string, run: RunManifest): Promise<void> {
  await page.goto(`/${view}?model=${run.model.slug}&run=${run.id}`);
  await expect(page.getByTestId('model-map')).toBeVisible(SLOW);
}

/** The recurrent layer's figure: the head it chose, its half-life and the weights in its table are REST's. */
async function seesEffective(page: Page, request: APIRequestContext, run: RunManifest, name: string): Promise<void> {
  const figure = page.getByTestId('figure-effective');
  await figure.scrollIntoViewIfNeeded();
  await expect(figure.getByTestId('effective-what')).toContainText(name, SLOW);
  const at = run.prompt_length - 1;
  const rows = await effective(request, run, 0, `query=${at}`);
  const shares = rows.values.map((head) => {
    const row = (head as number[][])[0].map(Math.abs);
    return Math.max(...row.slice(0, at)) / row.reduce((a, b) => a + b, 0);
  });
  const best = shares.indexOf(Math.max(...shares));
  await expect(figure.getByTestId('effective-why')).toContainText(`Head ${best},`);
  const half = Number(await figure.locator('[data-half]').getAttribute('data-half'));
  expect(half).toBe(rows.half_lives[best]);
  expect(rows.exact).toBe(true);
  expect(rows.difference).toBeLessThan(1e-4);
}

/** The words beside a recurrent layer are of its state, with REST's half-lives, and of nothing that only attention has. */
async function speaksOfStates(page: Page, request: APIRequestContext, run: RunManifest, layer: number) {
  const lives = (await effective(request, run, layer, 'head=0&query=0')).half_lives.flatMap((h) => h ?? []);
  const said = page.locator('[data-says=fades]');
  await expect(said).toContainText('tokens', SLOW);
  const told = (await said.innerText()).match(/\d+(\.\d+)?/g)!.map(Number);
  expect(told[0] / Math.min(...lives)).toBeCloseTo(1, 2);
  expect(told[1] / Math.max(...lives)).toBeCloseTo(1, 2);
  await expect(page.getByText('A recurrence keeps one state')).toBeVisible();
  await expect(page.getByRole('heading', { name: 'Then it is read' })).toHaveCount(1);
  await expect(page.getByRole('main')).not.toContainText(/scale|W_Q|silence/i);
}

/** A recurrent layer in the address is the main figure's, and a layer with attention gives the heads back. */
async function choosesLayers(
  page: Page,
  request: APIRequestContext,
  run: RunManifest,
  chapter: string,
  heads: string,
): Promise<void> {
  await page.goto(`/${chapter}?model=${run.model.slug}&run=${run.id}&layer=1&unit=2`);
  const states = page.getByTestId('figure-effective');
  await expect(states).toHaveCount(1, SLOW);
  await expect(states).toContainText('layer 1', SLOW);
  await expect(states.getByRole('group', { name: 'Head', exact: true }).locator('output')).toHaveText('2', SLOW);
  await expect(page.getByTestId(heads)).toHaveCount(0);
  await speaksOfStates(page, request, run, 1);
  await states.getByRole('button', { name: 'layer 3: attention' }).click();
  await expect(page.getByTestId(heads)).toContainText(/layer 3/i, SLOW);
  await expect(page.getByText('A recurrence keeps one state')).toHaveCount(0);
  await expect.poll(() => new URL(page.url()).searchParams.get('layer')).toBe('3');
  if (heads === 'figure-heads') return; // its heads have no chooser of layers
  await page.getByTestId(heads).getByRole('button', { name: 'layer 0: a gated delta net' }).click();
  await expect(states.first()).toContainText('layer 0', SLOW);
  await expect(page.getByTestId(heads)).toHaveCount(0);
}

async function seesHalfLives(page: Page, request: APIRequestContext, run: RunManifest, layers: number[]) {
  const figure = page.getByTestId('figure-half-lives');
  await figure.scrollIntoViewIfNeeded();
  await expect(figure.locator('[data-shortest]')).toBeVisible(SLOW);
  const all: number[] = [];
  for (const layer of layers)
    all.push(...(await effective(request, run, layer, 'head=0&query=0')).half_lives.flatMap((h) => h ?? []));
  expect(Number(await figure.locator('[data-shortest]').getAttribute('data-shortest'))).toBe(Math.min(...all));
  expect(Number(await figure.locator('[data-longest]').getAttribute('data-longest'))).toBe(Math.max(...all));
}

async function seesState(page: Page, run: RunManifest): Promise<void> {
  const figure = page.getByTestId('figure-state-size');
  await figure.scrollIntoViewIfNeeded();
  const state = figure.locator('[data-state]');
  await expect(state).toBeVisible(SLOW);
  const kept = run.kv_cache.conv_states?.reduce((a, b) => a + b, 0);
  expect(Number(await state.getAttribute('data-state'))).toBe(kept);
}

test('a delta net: effective attention, half-lives and a state of constant size', async ({ page, request }) => {
  test.setTimeout(300_000);
  const run = await made(request, 'tiny-qwen3-next');
  const layers = [0, 1, 2];
  expect(run.model.mixers?.map((l) => l[0])).toEqual(['delta_net', 'delta_net', 'delta_net', 'attention']);
  await open(page, 'chapters/08-attention-qkv', run);
  await expect(page.getByTestId('figure-reading')).toContainText('layer 3', SLOW);
  await seesEffective(page, request, run, 'a gated delta net');
  await choosesLayers(page, request, run, 'chapters/08-attention-qkv', 'figure-reading');
  await choosesLayers(page, request, run, 'chapters/09-multi-head', 'figure-heads');
  await open(page, 'chapters/10-rope', run);
  await seesHalfLives(page, request, run, layers);
  await open(page, 'chapters/11-transformer-block', run);
  await expect(page.getByTestId('figure-built')).toContainText('Block', SLOW);
  await open(page, 'chapters/14-kv-cache', run);
  await seesState(page, run);
  const size = page.getByTestId('figure-state-size');
  await size.getByTestId('state-time').click();
  await expect(size.getByText('Measure the time again')).toBeVisible(SLOW);
  await expect(size.getByRole('application', { name: /^Milliseconds for one more token/ })).toBeVisible();
});

test('a Mamba 2 hybrid: what a token writes into a state, and what reads it later', async ({ page, request }) => {
  test.setTimeout(300_000);
  const run = await made(request, 'tiny-bamba');
  await open(page, 'chapters/09-multi-head', run);
  const heads = page.getByTestId('effective-heads');
  await page.getByTestId('figure-effective').scrollIntoViewIfNeeded();
  await expect(heads.getByRole('button')).toHaveCount(
    (await effective(request, run, 0, 'query=0')).half_lives.length,
    SLOW,
  );
  await page.goto(`/trace?model=${run.model.slug}&run=${run.id}&token=2`);
  const figure = page.getByTestId('figure-effective');
  await figure.scrollIntoViewIfNeeded();
  await expect(figure.locator('[data-wrote]')).toBeVisible(SLOW);
  const readers = figure.locator('[data-reader]');
  await expect(readers).toHaveCount(3);
  const title = await figure.getByRole('heading').first().innerText();
  const head = Number(/head (\d+)/.exec(title)?.[1]);
  const square = (await effective(request, run, 0, `head=${head}`)).values[0] as number[][];
  const column = square.map((row, query) => ({ query, weight: Math.abs(row[2]) })).slice(3);
  column.sort((a, b) => b.weight - a.weight);
  expect(Number(await readers.first().getAttribute('data-reader'))).toBe(column[0].query);
  await open(page, 'chapters/14-kv-cache', run);
  await seesState(page, run);
});

test('a Mamba without attention says so, and shows its state', async ({ page, request }) => {
  test.setTimeout(300_000);
  const run = await made(request, 'tiny-mamba');
  for (const chapter of [
    '03-neuron',
    '04-feed-forward',
    '08-attention-qkv',
    '09-multi-head',
    '10-rope',
    '14-kv-cache',
  ]) {
    await open(page, `chapters/${chapter}`, run);
    await expect(page.getByTestId('cannot'), chapter).toContainText('none of its layers', SLOW);
  }
  await seesState(page, run);
  await open(page, 'chapters/06-backpropagation', run);
  await expect(page.locator('figure').first().getByText('Get this data')).toBeVisible(SLOW);
  await open(page, 'trace', run);
  await expect(page.getByTestId('figure-effective').getByTestId('effective-what')).toContainText('a Mamba', SLOW);
  await expect(page.locator('.problem')).toHaveCount(0);
});

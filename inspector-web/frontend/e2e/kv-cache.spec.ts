import { fits } from './fits';
import { defaultModel, expect, familiesOf, somePrompt, test } from './support';
import type { APIRequestContext, Page } from '@playwright/test';
import type {
  Benchmark,
  ComparisonManifest,
  ModelSummary,
  PassCost,
  RunManifest,
  RunRequest,
  Timeline,
} from '../src/api/types';

/** Chapter 14 on whatever model the server opens: its bytes are REST's, its times those that the server measured. */

const PATH = '/chapters/14-kv-cache';
const SLOW = { timeout: 90_000 };

async function made(request: APIRequestContext, of?: ModelSummary, more: RunRequest = {}): Promise<RunManifest> {
  const model = of ?? (await defaultModel(request));
  const text = somePrompt(model);
  const prompt = model.has_tokenizer ? { prompt: `${text} a cat. The cat` } : { tokens: text.split(' ').map(Number) };
  const data = { model: model.slug, ...prompt, ...more };
  const response = await request.post('/api/v1/runs', { data, ...SLOW });
  expect(response.ok()).toBe(true);
  return response.json();
}

async function open(page: Page, run: RunManifest, panel: string): Promise<void> {
  await page.goto(`${PATH}?model=${run.model.slug}&run=${run.id}&kept&panel=${panel}`);
  await expect(page.getByTestId('figure-serving').getByText('Get this data')).toBeVisible(SLOW);
}

const number = async (page: Page, where: string, name: string) =>
  Number(await page.getByTestId(where).locator(`[data-${name}]`).first().getAttribute(`data-${name}`));
const numbers = (page: Page, where: string, name: string) =>
  page
    .getByTestId(where)
    .locator(`[data-${name}]`)
    .evaluateAll((all, n) => all.map((e) => Number(e.getAttribute(`data-${n}`))), name);

async function costOf(request: APIRequestContext, of: RunRequest, context: number): Promise<PassCost> {
  const response = await request.post('/api/v1/cost', { data: { request: of, contexts: [context] }, ...SLOW });
  expect(response.ok()).toBe(true);
  return response.json();
}

test('what is kept and what it takes are the server’s, on every model and in every format', async ({
  page,
  request,
}) => {
  const { shown } = await familiesOf(request);
  test.setTimeout(120_000 * shown.length);
  for (const model of shown) {
    const run = await made(request, model);
    await open(page, run, 'kept');
    await expect(page.getByTestId('kept')).toBeVisible(SLOW);
    expect(await number(page, 'kept', 'measured')).toBe(run.kv_cache.bytes);
    expect(await number(page, 'kept', 'formula')).toBe(run.kv_cache.bytes);

    await page.getByText('Memory', { exact: true }).click();
    await expect(page.getByTestId('memory')).toBeVisible(SLOW);
    const all = run.model.max_context;
    const told = async (of: RunRequest) => {
      const cost = await costOf(request, { model: model.slug, engine: run.engine.name, ...of }, all);
      const [at] = cost.contexts;
      const layers = cost.cache.length;
      const states = cost.cache.reduce((sum, l) => sum + (l.conv_state_bytes ?? 0), 0);
      const headed = cost.cache.filter((l) => l.n_heads !== undefined);
      await expect
        .poll(() => numbers(page, 'memory', 'bytes'), SLOW)
        .toEqual([cost.room.weights_bytes, at.kept_bytes, ...(states > 0 ? [states] : []), at.scratch_bytes]);
      const windows = cost.cache.some((l) => l.window !== undefined);
      const shares = headed.some((l) => (l.n_heads ?? 0) > (l.n_kv_heads ?? 0));
      expect(await numbers(page, 'memory', 'size')).toEqual([
        at.kept_bytes,
        ...(shares ? [at.multi_head_bytes] : []),
        ...(headed.length < layers ? [(at.kept_bytes / headed.length) * layers] : []),
        ...(windows ? [at.needed_bytes] : []),
      ]);
      expect(await number(page, 'memory', 'fits')).toBe(cost.room.fits_positions);
    };
    await told({});
    await page.getByRole('radiogroup', { name: 'Keys in' }).getByText('8', { exact: true }).click();
    await page.getByRole('radiogroup', { name: 'Values in' }).getByText('16', { exact: true }).click();
    await told({ kv_cache: { key: 'int8', value: 'fp16' } });
  }
});

test('a run with a cache of 8 bits is told in its own formats', async ({ page, request }) => {
  const run = await made(request, undefined, { kv_cache: { key: 'int8', value: 'fp16' } });
  await open(page, run, 'kept');
  await expect(page.getByTestId('kept')).toBeVisible(SLOW);
  expect(await number(page, 'kept', 'measured')).toBe(run.kv_cache.bytes);
  expect(await number(page, 'kept', 'formula')).toBe(run.kv_cache.bytes);
});

test('with and without a cache are measured live, and the words say what came', async ({ page, request }) => {
  const run = await made(request);
  let text = '';
  await page.route('**/api/v1/benchmarks', async (route) => {
    const response = await route.fetch(SLOW);
    text = await response.text();
    await route.fulfill({ response, body: text });
  });
  await open(page, run, 'speed');
  await expect(page.getByRole('button', { name: 'Measure again' })).toBeVisible(SLOW);
  const done: Benchmark = JSON.parse(/event: done\ndata: (.*)/.exec(text)![1]);
  const last = done.points.at(-1)!;
  expect(await number(page, 'speed', 'positions')).toBe(last.positions);
  expect(await number(page, 'speed', 'gain')).toBe(last.without_cache!.min / last.decode.min);
  expect(done.points.every((p) => p.same_tokens)).toBe(true);
});

test('fewer bits and the timeline are the server’s', async ({ page, request }) => {
  const run = await made(request);
  const compared: ComparisonManifest[] = [];
  let timed: Timeline | null = null;
  page.on('response', (r) => {
    if (r.url().endsWith('/comparisons')) void r.json().then((m: ComparisonManifest) => compared.push(m));
    if (r.url().endsWith('/timeline')) void r.json().then((t: Timeline) => (timed = t));
  });
  await open(page, run, 'rounded');
  await expect(page.getByTestId('rounded')).toBeVisible(SLOW);
  await expect.poll(() => compared.length).toBe(3);
  expect(await numbers(page, 'rounded', 'kld')).toEqual(compared.map((m) => m.prompt!.mean_kld.value));
  expect(compared.map((m) => m.b.request.kv_cache)).toEqual([
    { key: 'int8', value: 'fp16' },
    { key: 'fp16', value: 'int8' },
    { key: 'int8', value: 'int8' },
  ]);

  await page.getByText('Time', { exact: true }).click();
  await expect(page.getByTestId('timeline')).toBeVisible(SLOW);
  await expect.poll(() => timed, 'the answer is read beside the page').not.toBeNull();
  const { decode, prefill } = timed as unknown as Timeline;
  const sum = (parts: Timeline['decode']['parts']) => parts.reduce((s, p) => s + p.ms.min, 0);
  const shown = async () => (await numbers(page, 'timeline', 'ms')).reduce((a, b) => a + b, 0);
  expect(await shown()).toBeCloseTo(sum(decode.parts), 6);
  expect(await number(page, 'timeline', 'fused')).toBe(decode.fused.min);
  await page.getByText('The prompt, at once', { exact: true }).click();
  await expect.poll(shown).toBeCloseTo(sum(prefill.parts), 6);
});

test('an exported graph says what it cannot show', async ({ page, request }) => {
  const { exported } = await familiesOf(request);
  for (const model of exported) {
    const run = await made(request, model);
    await open(page, run, 'memory');
    await expect(page.getByTestId('memory')).toBeVisible(SLOW);
    await page.getByText('Time', { exact: true }).click();
    await expect(page.getByTestId('figure-serving')).toContainText('cannot be timed apart');
    await page.getByText('Fewer bits', { exact: true }).click();
    await expect(page.getByTestId('figure-serving')).toContainText('as it was exported');
  }
});

test('a guess is checked, and the words move the figure', async ({ page, request }) => {
  test.setTimeout(240_000);
  const run = await made(request);
  await page.goto(`${PATH}?model=${run.model.slug}&run=${run.id}`);
  const reach = (name: RegExp) =>
    page.getByRole('heading', { name }).evaluate((e) => e.scrollIntoView({ block: 'center' }));
  const title = page.getByTestId('figure-serving').locator('h3');
  await expect(title).toContainText('What is computed again', SLOW);
  await reach(/^Measured here/);
  await expect(title).toContainText('One more token', SLOW);
  await expect(page.getByRole('button', { name: 'Measure again' })).toBeVisible(SLOW); // the words are complete then
  await reach(/^Kept, not/);
  await expect(page.getByTestId('kept')).toBeVisible(SLOW);
  await reach(/^What it takes/);
  await expect(page.getByTestId('memory')).toHaveAttribute('data-positions', String(run.model.max_context), SLOW);
  const guess = page.getByTestId('guess');
  await guess.evaluate((e) => e.scrollIntoView({ block: 'center' }));
  await expect(title).toContainText('Where does most', SLOW);
  await page.getByTestId('timeline').getByRole('button').first().click();
  await expect(guess.getByTestId('guess-share')).toBeVisible(SLOW);
  const told = Number.parseFloat(await guess.getByTestId('guess-share').innerText());
  const kinds = await numbers(page, 'timeline', 'ms');
  expect(told).toBeCloseTo((100 * Math.max(...kinds)) / kinds.reduce((a, b) => a + b, 0), 0);
});

fits(
  [360, 1400],
  [
    ['light', 'speed', 'speed'],
    ['dark', 'kept', 'kept'],
    ['light', 'memory', 'memory'],
    ['dark', 'rounded', 'rounded'],
    ['light', 'time', 'timeline'],
  ],
  (request) => made(request),
  async (page, run, panel, shown) => {
    await open(page, run, panel);
    await expect(page.getByTestId(shown)).toBeVisible(SLOW);
  },
);

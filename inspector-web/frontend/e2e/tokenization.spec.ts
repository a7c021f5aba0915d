import { fits } from './fits';
import { defaultModel, expect, somePrompt, test } from './support';
import type { APIRequestContext, Page } from '@playwright/test';
import type { ModelSummary, RunManifest, Tokenized } from '../src/api/types';

/** Chapter 1 on the server's model and on the embedded one: its pieces, merges and counts are REST's. */

const PATH = '/chapters/01-tokenization';
const SLOW = { timeout: 60_000 };
const TEXT = 'Once upon a time, a squirrel unwrapped a strawberry';

async function texts(request: APIRequestContext): Promise<string[]> {
  const { models } = await (await request.get('/api/v1/models')).json();
  const own = await defaultModel(request);
  const embedded = models.find((m: ModelSummary) => m.slug !== own.slug && m.has_tokenizer && !m.trouble);
  return [own, ...(embedded ? [embedded] : [])].filter((m) => m.has_tokenizer).map((m) => m.slug);
}

async function made(request: APIRequestContext, model: string, prompt = TEXT): Promise<RunManifest> {
  const response = await request.post('/api/v1/runs', { data: { model, prompt }, ...SLOW });
  expect(response.ok()).toBe(true);
  return response.json();
}

async function cut(request: APIRequestContext, data: Record<string, unknown>): Promise<Tokenized> {
  const response = await request.post('/api/v1/tokenize', { data });
  expect(response.ok(), JSON.stringify(data)).toBe(true);
  return response.json();
}

async function open(page: Page, run: RunManifest, more = ''): Promise<void> {
  await page.goto(`${PATH}?model=${run.model.slug}&run=${run.id}${more}`);
  await expect(page.getByTestId('figure-cutting').getByText('Get this data')).toBeVisible(SLOW);
}

const numbers = (page: Page, test: string, attribute: string) =>
  page
    .getByTestId(test)
    .locator(`[${attribute}]`)
    .evaluateAll((all, a) => all.map((e) => Number(e.getAttribute(a))), attribute);

test('its pieces, merges and counts are the tokenizer’s, on every model', async ({ page, request }) => {
  for (const model of await texts(request)) {
    const run = await made(request, model);
    await open(page, run);
    const { tokens } = await cut(request, { model, text: TEXT });
    await expect(page.getByTestId('sums').locator('[data-tokens]')).toHaveAttribute('data-tokens', `${tokens.length}`);
    const ids = await page.getByTestId('figure-cutting').locator('.id').allInnerTexts();
    expect(ids.map(Number)).toEqual(tokens.map((t) => t.id));
    await page.getByTestId('figure-cutting').getByRole('option').nth(2).click();
    await expect(page.getByTestId('piece').locator('[data-id]')).toHaveAttribute('data-id', `${tokens[2].id}`);

    await page.getByText('Other tokenizers', { exact: true }).click();
    await expect(page.getByTestId('others')).toBeVisible(SLOW);
    for (const encoding of ['cl100k_base', 'o200k_base']) {
      const { count } = await cut(request, { encoding, text: TEXT });
      const told = page.getByTestId('others').locator(`[data-name="${encoding}"] [data-count]`);
      await expect(told).toHaveAttribute('data-count', `${count}`);
    }

    await page.getByText('Words or bytes?').click();
    expect(await numbers(page, 'sizes', 'data-long')).toEqual([
      10,
      tokens.filter((t) => !t.special).length,
      new TextEncoder().encode(TEXT).length,
    ]);
    await expect.poll(() => new URL(page.url()).searchParams.get('panel')).toBe('sizes');
    await page.reload();
    await expect(page.getByTestId('sizes'), 'the URL has the panel').toBeVisible(SLOW);
  }
});

test('merges are walked by hand, in the ranks of the tokenizer', async ({ page, request }) => {
  const model = (await texts(request)).at(-1)!;
  const run = await made(request, model);
  await open(page, run, '&kept&panel=merges');
  await expect(page.getByTestId('merges')).toBeVisible(SLOW);
  const { merges } = await cut(request, { model, text: TEXT, merges: true, add_special_tokens: false });
  const piece = merges!.find((p) => p.text.includes('strawberry'))!;
  const word = page.getByTestId('merges').getByRole('button', { name: /strawberry/ });
  await word.click();
  await expect(word).toHaveAttribute('aria-pressed', 'true');
  expect(await numbers(page, 'merges', 'data-rank')).toEqual(piece.merges.map((m) => m.rank));
  await expect(page.getByTestId('next')).toContainText(piece.tokens.map((t) => t.id).join(', '));
  await page.getByRole('button', { name: 'Step back' }).click();
  await expect(page.getByTestId('next')).toContainText(`${piece.merges.at(-1)!.rank.toLocaleString('en-US')}`);
  await expect.poll(() => new URL(page.url()).searchParams.get('merge')).toBe(String(piece.merges.length - 1));
});

test('a text of one’s own is cut as it is typed, and stays in the URL', async ({ page, request }) => {
  const run = await made(request, (await texts(request))[0], somePrompt(await defaultModel(request)));
  await open(page, run, '&kept');
  const own = 'Zwölf 🙂 naïve';
  await page.getByLabel('Your own text').fill(own);
  const { count, characters } = await cut(request, { model: run.model.slug, text: own });
  await expect(page.getByTestId('sums').locator('[data-tokens]')).toHaveAttribute('data-tokens', `${count}`);
  await expect(page.getByTestId('sums').locator('[data-characters]')).toHaveAttribute(
    'data-characters',
    `${characters}`,
  );
  await page.reload();
  await expect(page.getByTestId('sums').locator('[data-tokens]')).toHaveAttribute('data-tokens', `${count}`, SLOW);
  await page.getByLabel('Your own text').fill('long '.repeat(3000));
  await expect(page.getByTestId('sums').locator('[data-characters]')).toHaveAttribute('data-characters', '15000');
  expect(new URL(page.url()).searchParams.get('own'), 'too long for an address').toBeNull();
});

test('a guess is checked, and the words move the figure', async ({ page, request }) => {
  const run = await made(request, (await texts(request)).at(-1)!);
  await open(page, run);
  const guess = page.getByTestId('guess');
  await guess.evaluate((e) => e.scrollIntoView({ block: 'center' }));
  const figure = page.getByTestId('figure-cutting');
  await expect(figure.locator('h3')).toContainText('in words');
  await expect(figure.getByRole('option')).toHaveCount(10);
  await figure.getByRole('option').first().click();
  const { tokens } = await cut(request, { model: run.model.slug, text: TEXT });
  const at = TEXT.indexOf('strawberry');
  const pieces = tokens.filter((t) => t.start !== undefined && t.end! > at).length;
  expect(Number(await guess.getByTestId('guess-pieces').innerText())).toBeGreaterThanOrEqual(pieces);
  for (const [title, panel] of [
    [/^Why not words/, 'sizes'],
    [/^How such a list/, 'merges'],
    [/^Every model/, 'others'],
    [/^The same sentence/, 'scripts'],
    [/^What is put/, 'around'],
  ] as const) {
    await page.getByRole('heading', { name: title }).evaluate((e) => e.scrollIntoView({ block: 'center' }));
    await expect(page.getByTestId(panel)).toBeVisible(SLOW);
  }
  const scripts = page.getByRole('heading', { name: /^The same sentence/ });
  await scripts.evaluate((e) => e.scrollIntoView({ block: 'center' }));
  await expect(page.getByTestId('scripts')).toBeVisible(SLOW);
});

test('a text of 60,000 characters is cut at once, and counted whole', async ({ page, request }) => {
  const run = await made(request, (await texts(request))[0]);
  await open(page, run, '&kept');
  await page.getByLabel('Your own text').fill('word '.repeat(12_000));
  await expect(page.getByTestId('sums').locator('[data-characters]')).toHaveAttribute('data-characters', '60000', SLOW);
  await expect(page.getByTestId('figure-cutting').getByRole('option').nth(1400)).toBeAttached();
});

test('what the tokenizer puts around the text is told apart', async ({ page, request }) => {
  const run = await made(request, (await texts(request))[0]);
  await open(page, run, '&kept&panel=around');
  const own = await cut(request, { model: run.model.slug, text: TEXT, add_special_tokens: false });
  const added = page.getByTestId('around').locator('[data-added]');
  await expect(added).toHaveAttribute('data-added', `${run.prompt_length - own.count}`);
});

fits(
  [360, 1400],
  [
    ['light', 'pieces'],
    ['dark', 'merges'],
    ['light', 'others'],
    ['dark', 'scripts'],
    ['light', 'sizes'],
  ],
  async (request) => made(request, (await texts(request)).at(-1)!),
  async (page, run, panel) => {
    await open(page, run, `&kept&panel=${panel}`);
    if (panel !== 'pieces') await expect(page.getByTestId(panel)).toBeVisible(SLOW);
  },
);

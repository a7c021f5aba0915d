import { fits } from './fits';
import { defaultModel, expect, test, values } from './support';
import type { APIRequestContext, Page } from '@playwright/test';
import type { EmbeddingsMap, ModelSummary, Neighbours, RunManifest } from '../src/api/types';

/** Chapter 2 on the server's model and on the embedded one: rows, neighbours, maps and sums are REST's. */

const PATH = '/chapters/02-embeddings';
const SLOW = { timeout: 60_000 };
const TEXT = 'Mia had a red ball. Ben had a blue kite. Mia lost her';

async function made(request: APIRequestContext, model: ModelSummary, prompt: string): Promise<RunManifest> {
  const response = await request.post('/api/v1/runs', {
    data: { model: model.slug, prompt, capture: ['logits'] },
    ...SLOW,
  });
  expect(response.ok()).toBe(true);
  return response.json();
}

/** The server's own model and, where there is another that reads text, the embedded one. */
async function both(request: APIRequestContext): Promise<ModelSummary[]> {
  const { models } = await (await request.get('/api/v1/models')).json();
  const own = await defaultModel(request);
  const embedded = models.find((m: ModelSummary) => m.slug === 'tales-4m' && m.slug !== own.slug);
  return [own, ...(embedded ? [embedded] : [])].filter((m) => m.has_tokenizer);
}

async function asked<A>(request: APIRequestContext, path: string, data: Record<string, unknown>): Promise<A> {
  const response = await request.post(`/api/v1/embeddings/${path}`, { data });
  expect(response.ok(), JSON.stringify(data)).toBe(true);
  return response.json();
}

async function open(page: Page, run: RunManifest, more: string): Promise<void> {
  await page.goto(`${PATH}?model=${run.model.slug}&run=${run.id}&kept${more}`);
  await expect(page.getByTestId('figure-rows').getByText('Get this data')).toBeVisible(SLOW);
}

const shown = (page: Page, attribute: string) =>
  page
    .getByTestId('near')
    .locator(`[${attribute}]`)
    .evaluateAll((all, a) => all.map((e) => Number(e.getAttribute(a))), attribute);

test('a row, its neighbours, the map and the way back are the server’s, on every model', async ({ page, request }) => {
  for (const model of await both(request)) {
    const run = await made(request, model, TEXT);
    const slug = run.model.slug;
    await open(page, run, '&shown=2&panel=row');
    const length = Number(await page.getByTestId('row').getAttribute('data-norm', SLOW));
    const row = await values(request, run.id, 'hook_embed', 'pos=2');
    expect(length).toBeCloseTo(Math.hypot(...row), 5);

    // A row of the table that the text has not: its cosine, place by place, is the server's.
    const button = page.getByTestId('nearest').getByRole('button').first();
    await expect(button).toBeEnabled(SLOW);
    const id = Number(await button.getAttribute('data-id'));
    await button.click();
    await expect(button).toHaveAttribute('aria-pressed', 'true', SLOW);
    const [most] = (
      await asked<Neighbours>(request, 'neighbours', { model: slug, of: { plus: [run.tokens[2].id] }, top: 1 })
    ).neighbours;
    expect(id).toBe(most.id);
    await expect
      .poll(async () => Number(await page.getByTestId('agreement').first().getAttribute('data-cosine')))
      .toBeCloseTo(most.score, 4);

    await page.getByTestId('figure-rows').getByText('Neighbours', { exact: true }).click();
    await expect(page.getByTestId('near')).toBeVisible(SLOW);
    const near = await asked<Neighbours>(request, 'neighbours', {
      model: slug,
      of: { plus: [run.tokens[2].id] },
      top: 12,
    });
    expect(await shown(page, 'data-id')).toEqual(near.neighbours.map((n) => n.id));
    expect(await shown(page, 'data-score')).toEqual(near.neighbours.map((n) => n.score));

    await page.getByTestId('figure-rows').getByText('Map', { exact: true }).click();
    await expect(page.getByTestId('map')).toBeVisible(SLOW);
    const shares = (await page.getByTestId('map').getAttribute('data-shares'))!.split(' ').map(Number);
    const words = [...new Set(run.tokens.filter((t) => !t.special && /\p{L}/u.test(t.text)).map((t) => t.id))];
    const map = await asked<EmbeddingsMap>(request, 'map', { model: slug, ids: words });
    shares.forEach((s, i) => expect(s).toBeCloseTo(map.shares[i], 5));

    await page.getByTestId('figure-rows').getByText('Read backwards').click();
    await expect(page.getByTestId('near')).toBeVisible(SLOW);
    const all = await values(request, run.id, 'logits', `pos=${run.prompt_length - 1}`);
    const [first] = await shown(page, 'data-id');
    expect(all[first]).toBeCloseTo(Math.max(...all), 3);
    expect((await shown(page, 'data-score'))[0]).toBeCloseTo(all[first], 3);
  }
});

test('one word in two places starts the same and parts', async ({ page, request }) => {
  const model = (await both(request)).at(-1)!;
  const run = await made(request, model, TEXT);
  await open(page, run, '&panel=depth');
  await expect(page.getByTestId('depth')).toBeVisible(SLOW);
  const cosines = (await page.getByTestId('depth').getAttribute('data-cosines'))!.split(' ').map(Number);
  expect(cosines).toHaveLength(run.model.n_layers + 1);
  expect(cosines[0]).toBeCloseTo(1, 6);
  expect(Math.min(...cosines)).toBeLessThan(0.999);
});

test('a sum says whether the hoped-for word is first, and words can be put on the map', async ({ page, request }) => {
  const model = (await both(request)).at(-1)!;
  const run = await made(request, model, TEXT);
  await open(page, run, '&panel=sum');
  await expect(page.getByTestId('sum')).toBeVisible(SLOW);
  const kept = Number(await page.getByTestId('plane').getAttribute('data-kept', SLOW));
  expect(kept).toBeGreaterThan(0);
  expect(kept).toBeLessThanOrEqual(1.000001);
  await page.getByLabel('Expected').fill('him');
  await page.getByLabel('Expected').press('Enter');
  await expect(page.getByTestId('sum')).not.toHaveAttribute('data-rank', '1', SLOW);
  expect(new URL(page.url()).searchParams.get('expect')).toBe('him');

  await page.getByTestId('figure-rows').getByText('Map', { exact: true }).click();
  await page.getByLabel('Your own words').fill('dog cat');
  await page.getByLabel('Your own words').press('Enter');
  await expect(page.getByTestId('figure-rows').getByText('yours')).toBeVisible(SLOW);
  await page.reload();
  await expect(page.getByTestId('figure-rows').getByText('yours'), 'the URL has the words').toBeVisible(SLOW);
});

test('a guess is checked, and the words move the figure', async ({ page, request }) => {
  const run = await made(request, (await both(request)).at(-1)!, TEXT);
  await page.goto(`${PATH}?model=${run.model.slug}&run=${run.id}`);
  await expect(page.getByTestId('why')).toBeVisible(SLOW);
  const guess = page.getByTestId('guess');
  await guess.evaluate((e) => e.scrollIntoView({ block: 'center' }));
  const figure = page.getByTestId('figure-rows');
  await expect(figure.locator('h3')).toContainText('Which row lies nearest');
  await figure.getByRole('option').nth(1).click();
  await expect(guess.getByTestId('guess-cosine')).not.toBeEmpty();
  await page.getByRole('heading', { name: 'A map' }).evaluate((e) => e.scrollIntoView({ block: 'center' }));
  await expect(figure.locator('h3')).toContainText('as a map');
});

test('a recorded run is shown before the server has answered', async ({ page, quiet }) => {
  quiet.allow(/Failed to load resource|net::ERR_FAILED/);
  await page.route('**/api/v1/**', (route) => route.abort());
  await page.goto(PATH);
  await expect(page.getByTestId('row')).toBeVisible(SLOW);
  await expect(page.getByTestId('figure-rows')).toContainText('recorded');
  for (const [panel, shown] of [
    ['Neighbours', 'near'],
    ['Map', 'map'],
    ['Through the layers', 'depth'],
    ['Read backwards', 'near'],
  ]) {
    await page.getByTestId('figure-rows').getByText(panel, { exact: true }).click();
    await expect(page.getByTestId(shown), panel).toBeVisible(SLOW);
  }
});

fits(
  [360, 1400],
  [
    ['light', 'row'],
    ['dark', 'near'],
    ['light', 'map'],
    ['dark', 'depth'],
    ['light', 'sum'],
  ],
  async (request) => made(request, (await both(request)).at(-1)!, TEXT),
  async (page, run, panel) => {
    await open(page, run, `&panel=${panel}`);
    await expect(page.getByTestId(panel)).toBeVisible(SLOW);
  },
);

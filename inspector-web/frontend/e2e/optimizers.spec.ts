import { fits } from './fits';
import { defaultModel, expect, somePrompt, test } from './support';
import type { APIRequestContext, Page } from '@playwright/test';
import type { Descent, LearnerStepAnswer, ModelSummary, RunManifest } from '../src/api/types';

/** Chapter 7 on whatever model the server opens: every path is REST's, the guess is checked, real updates are taken back. */

const PATH = '/chapters/07-optimizers';
const SLOW = { timeout: 90_000 };
const KINDS = ['sgd', 'momentum', 'adam', 'adamw'];

async function made(request: APIRequestContext, of?: ModelSummary): Promise<RunManifest> {
  const model = of ?? (await defaultModel(request));
  const text = somePrompt(model);
  const prompt = model.has_tokenizer ? { prompt: text } : { tokens: text.split(' ').map(Number) };
  const response = await request.post('/api/v1/runs', {
    data: { model: model.slug, ...prompt, capture: ['logits'] },
    ...SLOW,
  });
  expect(response.ok()).toBe(true);
  return response.json();
}

async function open(page: Page, run: RunManifest, more = ''): Promise<void> {
  await page.goto(`${PATH}?model=${run.model.slug}&run=${run.id}${more}`);
  await expect(page.getByTestId('figure-walks').getByText('Get this data')).toBeVisible(SLOW);
}

/** What the server answers about one surface: the question behind the guess is asked beside it. */
async function walked(page: Page, surface: string, act: () => Promise<unknown>): Promise<Descent> {
  const answered = page.waitForResponse(
    (r) => r.url().endsWith('/api/v1/optimizers') && r.request().postData()!.includes(`"${surface}"`),
    SLOW,
  );
  await act();
  return (await answered).json();
}

async function shows(page: Page, d: Descent): Promise<void> {
  for (const kind of KINDS) {
    const points = d.paths.find((p) => p.kind === kind)!.points;
    await expect(page.getByTestId('surface').locator(`[data-kind=${kind}]`)).toHaveAttribute(
      'data-value',
      String(points[points.length - 1].value),
      SLOW,
    );
  }
}

test('the paths are the server’s, on what is made up and on the model’s own loss', async ({ page, request }) => {
  const run = await made(request);
  await shows(page, await walked(page, 'saddle', () => open(page, run, '&kept&panel=made&surface=saddle')));
  await shows(page, await walked(page, 'bowl', () => page.getByText('Bowl', { exact: true }).click()));
  await expect(page).toHaveURL(/surface=bowl/);
  // The start moves by keys as by the pointer; it is in the URL.
  const surface = page.getByTestId('surface').getByRole('application');
  await surface.focus();
  await shows(page, await walked(page, 'bowl', () => page.keyboard.press('d')));
  await expect(page).toHaveURL(/[?&]x=/);
  const real = await walked(page, 'loss', () => page.getByText('Real loss', { exact: true }).click());
  await shows(page, real);
  // In the middle of the slice stands the model as it is: the mean loss of the prompt’s next tokens.
  const data = { model: run.model.slug, tokens: run.tokens.slice(0, run.prompt_length).map((t) => t.id) };
  const { value } = await (await request.post('/api/v1/gradients', { data, ...SLOW })).json();
  const middle = (real.axis!.length - 1) / 2;
  expect(real.axis![middle]).toBeCloseTo(0, 6);
  expect(real.values![middle][middle]).toBeCloseTo(value, 3);
});

test('until a surface’s own heights are there, no other’s are shown', async ({ page, request }) => {
  const run = await made(request);
  await open(page, run, '&kept&panel=made&surface=ravine');
  await expect(page.getByTestId('surface').locator('[data-kind=sgd]')).toHaveAttribute('data-value', /./, SLOW);
  const ravine = await page.getByTestId('surface').locator('[data-kind=sgd]').getAttribute('data-value');
  let go = () => {};
  const held = new Promise<void>((done) => (go = done));
  await page.route('**/api/v1/optimizers', async (route) => {
    await held;
    await route.continue();
  });
  await page.getByText('Real loss', { exact: true }).click();
  const figure = page.getByTestId('figure-walks');
  await expect(figure).toContainText('and the walks');
  await expect(figure.getByTestId('surface'), 'the made-up ravine is no model’s loss').toHaveCount(0);
  await expect(page.locator('[data-says=ends]')).toHaveCount(0);
  go();
  await expect(figure.getByTestId('surface').locator('[data-kind=sgd]')).toHaveAttribute('data-value', /./, SLOW);
  expect(await figure.getByTestId('surface').locator('[data-kind=sgd]').getAttribute('data-value')).not.toBe(ravine);
});

test('a guess is checked against the walk, and the words move the figure', async ({ page, request }) => {
  const run = await made(request);
  await open(page, run);
  const guess = page.getByTestId('guess');
  await guess.evaluate((e) => e.scrollIntoView({ block: 'center' }));
  await expect(page.getByTestId('figure-walks').locator('h3')).toContainText('stand lowest', SLOW);
  await expect(page.getByTestId('surface').locator('[data-value]')).toHaveCount(0);
  await page.getByRole('group', { name: 'Which one' }).getByRole('button', { name: 'SGD' }).click();
  const ends = await page
    .getByTestId('surface')
    .locator('[data-value]')
    .evaluateAll((all) => all.map((e) => Number((e as HTMLElement).dataset.value)));
  expect(ends).toHaveLength(4);
  const told = Number.parseFloat(await guess.getByTestId('guess-height').innerText());
  expect(Math.abs(told - Math.min(...ends))).toBeLessThan(1e-3);
  await page.getByRole('heading', { name: 'Memory' }).evaluate((e) => e.scrollIntoView({ block: 'center' }));
  await expect(page.getByTestId('memory')).toBeVisible(SLOW);
});

test('four real updates start from the same loss, and each is taken back', async ({ page, request }) => {
  const run = await made(request);
  await open(page, run, '&kept&panel=moves');
  const moves = page.getByTestId('moves');
  // A small model’s are made without being asked for.
  await expect(moves.locator('[data-loss]')).toHaveCount(4, SLOW);
  const losses = async () =>
    moves.locator('[data-loss]').evaluateAll((all) => all.map((e) => Number((e as HTMLElement).dataset.loss)));
  const first = await losses();
  await moves.getByRole('button', { name: 'Make them again' }).click();
  await expect(moves.getByRole('button', { name: 'Make them again' })).toBeEnabled(SLOW);
  await expect(moves.locator('[data-loss]')).toHaveCount(4, SLOW);
  expect(await losses(), 'nothing of the first four is left').toEqual(first);
  // Each mark is the update's length over the root of the tensor's size, as the server tells it.
  const { id } = await (await request.post('/api/v1/learners', { data: { model: run.model.slug } })).json();
  const tokens = run.tokens.slice(0, run.prompt_length).map((t) => t.id);
  const step = { tokens, optimizer: 'adam', learning_rate: 0.001 };
  const told = await (await request.post(`/api/v1/learners/${id}/steps`, { data: step, ...SLOW })).json();
  await request.delete(`/api/v1/learners/${id}`);
  expect(told.loss_after).toBeCloseTo(first[2], 6);
  const rms = (told as LearnerStepAnswer).parameters.map(
    (p) => p.update_norm / Math.sqrt(p.shape.reduce((a, b) => a * b, 1)),
  );
  const marks = await moves
    .locator('[data-kind=adam]')
    .evaluateAll((all) => all.map((e) => Number((e as SVGElement).dataset.moved)));
  expect(marks.length).toBeGreaterThan(1);
  for (const mark of marks) expect(Math.min(...rms.map((r) => Math.abs(r / mark - 1)))).toBeLessThan(1e-4);
});

fits(
  [360, 768, 1400, 2560],
  [
    ['light', 'made', 'surface'],
    ['dark', 'real', 'surface'],
    ['light', 'moves', 'moves'],
    ['dark', 'memory', 'memory'],
  ],
  (request) => made(request),
  async (page, run, panel, seen) => {
    await open(page, run, `&kept&panel=${panel}`);
    await expect(page.getByTestId(seen)).toBeVisible(SLOW);
  },
);

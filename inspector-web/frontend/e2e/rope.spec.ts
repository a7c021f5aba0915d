import type {
  Logprobs,
  PositionDistances,
  PositionHeads,
  PositionSchemes,
  PositionShift,
  RunManifest,
} from '../src/api/types';
import { fits } from './fits';
import { defaultModel, expect, somePrompt, test, values } from './support';

const SLOW = { timeout: 60_000 };
type Request = import('@playwright/test').APIRequestContext;
type Page = import('@playwright/test').Page;

async function made(request: Request): Promise<RunManifest> {
  const model = await defaultModel(request);
  const said = model.has_tokenizer
    ? { prompt: 'Mia gave the ball to Ben.' }
    : { tokens: somePrompt(model).split(' ').map(Number) };
  const response = await request.post('/api/v1/runs', { data: { model: model.slug, ...said, capture: ['logits'] } });
  expect(response.ok()).toBe(true);
  return response.json();
}

async function ask<A>(request: Request, path: string, data: object): Promise<A> {
  const response = await request.post(`/api/v1${path}`, { data });
  expect(response.ok(), await response.text()).toBe(true);
  return response.json();
}

async function schemesOf(request: Request, run: RunManifest): Promise<PositionSchemes> {
  return (await request.get(`/api/v1/models/${run.model.slug}/positions`)).json();
}

async function open(page: Page, run: RunManifest, query = '') {
  await page.goto(`/chapters/10-rope?run=${run.id}${query}`);
  await expect(page.getByTestId('turn').getByRole('application')).toBeVisible(SLOW);
}

/** The head that is shown by itself, and its numbers as the server has them. */
async function shown(request: Request, run: RunManifest) {
  const { schemes } = await schemesOf(request, run);
  const turns = schemes.some((s) => s.kind === 'rope');
  const best = schemes.some((s) => s.kind === 'rope' || s.kind === 'alibi')
    ? (await ask<PositionHeads>(request, '/positions/heads', { run: run.id, most: 64 })).heads[0]
    : { layer: 0, head: 0, nearest: 0 };
  const query = run.prompt_length - 1;
  const d = await ask<PositionDistances>(request, '/positions/distances', {
    run: run.id,
    layer: best.layer,
    head: best.head,
    query,
    most: 64,
  });
  return { turns, best, d };
}

test('a score at its own distance is the model’s, at others REST’s', async ({ page, request }) => {
  const run = await made(request);
  const { turns, best, d } = await shown(request, run);
  await open(page, run);
  if (turns) await expect(page.getByTestId('which')).toContainText(`Layer ${best.layer}, head ${best.head}`);
  const score = page.getByTestId('score');
  expect(Number(await score.getAttribute('data-value'))).toBe(d.curve[d.distance]);
  const told = Number(await page.locator('[data-told]').getAttribute('data-told'));
  const slice = `query=${d.query}&head=${best.head}&key=${d.key}`;
  const [own] = await values(request, run.id, `blocks.${best.layer}.attn.hook_attn_scores`, slice);
  expect(Math.fround(told)).toBe(own);
  expect(d.agreement).toBeLessThan(1e-3);
  if (!turns) return;
  await page.getByRole('slider', { name: /Positions between them/ }).fill('9');
  await expect(page).toHaveURL(/apart=9/);
  expect(Number(await score.getAttribute('data-value'))).toBe(d.curve[9]);
  const gives = await page
    .locator('[data-gives]')
    .evaluateAll((all) =>
      all.map((e) => [Number((e as HTMLElement).dataset.pair), Number((e as HTMLElement).dataset.gives)]),
    );
  expect(gives).toHaveLength(2);
  for (const [pair, value] of gives) {
    const t = d.pairs[pair];
    expect(value).toBeCloseTo(t.cosine * Math.cos(9 * t.frequency) - t.sine * Math.sin(9 * t.frequency), 9);
  }
  await page.getByText('All pairs', { exact: true }).click();
  expect(Number(await page.getByTestId('pairs-sum').getAttribute('data-value'))).toBeCloseTo(d.curve[9], 5);
  await page.reload();
  await expect(page.getByTestId('pairs'), 'the URL has the panel').toBeVisible(SLOW);
});

test('speeds, the moved prompt and the other order are REST’s', async ({ page, request }) => {
  const run = await made(request);
  const { turns, best } = await shown(request, run);
  const schemes = await schemesOf(request, run);
  await open(page, run);
  if (turns) {
    await page.getByText('Speeds', { exact: true }).click();
    const first = schemes.schemes.find((s) => s.kind === 'rope')!;
    await expect(page.getByTestId('speeds').locator('[data-theta]').first()).toHaveAttribute(
      'data-theta',
      String(first.theta),
    );
  }
  await page.getByText('Move it all', { exact: true }).click();
  const by = Math.min(100, schemes.max_context - run.prompt_length);
  const shift = await ask<PositionShift>(request, '/positions/shift', { run: run.id, by, layer: best.layer });
  const difference = page.getByTestId('shift-difference');
  await expect(difference).toBeVisible(SLOW);
  const seen = Number(await difference.getAttribute('data-value'));
  if (schemes.learned) expect(seen).toBeCloseTo(shift.max_difference, 3);
  else expect(Math.max(seen, shift.max_difference)).toBeLessThan(1e-3);

  await page.getByText('Other order', { exact: true }).click();
  await expect(page.getByTestId('order')).toBeVisible(SLOW);
  const ids = run.tokens.slice(0, run.prompt_length).map((t) => t.id);
  const said = await ask<Logprobs>(request, '/logprobs', {
    request: { model: run.model.slug, tokens: ids },
    tokens: [ids[0]],
    top: 6,
  });
  const rows = page.getByTestId('order').locator('[data-order="0"]');
  await expect(rows).toHaveCount(6);
  expect(await rows.evaluateAll((all) => all.map((e) => Number((e as HTMLElement).dataset.id)))).toEqual(
    said.tokens[0].alternatives.map((a) => a.id),
  );
});

test('learned positions and layers without any have a figure of their own', async ({ page, request }) => {
  const run = await made(request);
  const schemes = await schemesOf(request, run);
  await open(page, run);
  await page.getByText('Other ways', { exact: true }).click();
  const others = page.getByTestId('others');
  await expect(others.getByRole('group', { name: 'Layers' }).getByRole('button')).toHaveCount(run.model.n_layers);
  if (schemes.similarity) {
    await expect(page.getByTestId('similarity')).toHaveAttribute(
      'data-size',
      String(schemes.similarity.cosines.length),
    );
  } else {
    await expect(others).toContainText('This model has none');
  }
  await expect(others).toContainText(`for ${run.model.n_heads} heads`);
});

test('a guess is checked against the run, and beats move the figure', async ({ page, request }) => {
  const run = await made(request);
  const { turns, best } = await shown(request, run);
  test.skip(!turns, 'nothing turns: there is no distance to guess');
  await open(page, run);
  const guess = page.getByTestId('guess');
  await guess.evaluate((e) => e.scrollIntoView({ block: 'center' }));
  await expect(page.getByTestId('figure-places').locator('h3')).toContainText('How far back', SLOW);
  await expect(page.getByTestId('score')).toHaveCount(0);
  const plot = page.getByTestId('turn').getByRole('application');
  await plot.focus();
  await page.keyboard.press('ArrowRight');
  await page.keyboard.press('Enter');
  await expect(guess.getByTestId('guess-distance')).toContainText(String(best.nearest), SLOW);
  const go = (title: string) =>
    page.getByRole('heading', { name: title }).evaluate((e) => e.scrollIntoView({ block: 'center' }));
  for (const [title, id] of [
    ['Fast hands and slow hands', 'speeds'],
    ['Each pair gives its shadow', 'pairs'],
    ['Move it all', 'shift'],
    ['Dog bites man', 'order'],
    ['Other ways to know', 'others'],
  ]) {
    await go(title);
    await expect(page.getByTestId(id)).toBeVisible(SLOW);
  }
});

fits([360, 768, 1400, 2560], [['light'], ['dark']], made, (page, run) => open(page, run));

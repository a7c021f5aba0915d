import type { HeadCircuits, HeadEffects, Heads, HeadsRepeated, RunManifest } from '../src/api/types';
import { fits } from './fits';
import { defaultModel, expect, somePrompt, test, values } from './support';

const SLOW = { timeout: 60_000 };
type Request = import('@playwright/test').APIRequestContext;

async function made(request: Request, prompt?: string): Promise<RunManifest> {
  const model = await defaultModel(request);
  const said = model.has_tokenizer
    ? { prompt: prompt ?? 'Mia gave a red ball to Ben. "Thank you,' }
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

async function open(page: import('@playwright/test').Page, run: RunManifest, show: 'six' | 'all' | 'one' = 'one') {
  await page.goto(`/chapters/09-multi-head?run=${run.id}${show === 'six' ? '' : `&kept&heads=${show}`}`);
  if (show === 'six') await expect(page.getByTestId('six').locator('[data-role=adds]')).toBeVisible(SLOW);
  else await expect(page.getByTestId('does').locator('[data-effect]')).toBeVisible(SLOW);
}

async function most(request: Request, run: RunManifest) {
  const effects = await ask<HeadEffects>(request, '/heads/effects', { run: run.id, pos: run.prompt_length - 1 });
  const heads = effects.parts.filter((p) => p.part === 'head');
  return { effects, best: heads.reduce((a, b) => (b.effect > a.effect ? b : a)) };
}

test('a few heads are drawn large, each for what REST says that it does; one of them opens', async ({
  page,
  request,
}) => {
  const run = await made(request);
  const { best } = await most(request, run);
  await open(page, run, 'six');
  const { heads } = await ask<Heads>(request, '/heads', { run: run.id });
  const cards = page.getByTestId('six').getByRole('button');
  expect(await cards.count()).toBe(Math.min(6, heads.length));
  const seen = new Set<string>();
  for (const card of await cards.all()) {
    const of = { ...(await card.evaluate((e) => ({ ...e.dataset }))) } as Record<string, string>;
    const head = heads.find((h) => h.layer === Number(of.layer) && h.head === Number(of.head))!;
    seen.add(`${of.layer}.${of.head}`);
    if (of.role === 'adds') {
      expect([head.layer, head.head]).toEqual([best.layer, best.head]);
      expect(Number(of.value)).toBeCloseTo(best.effect, 6);
    } else if (of.role === 'spread' || of.role === 'focus') expect(Number(of.value)).toBe(head.entropy);
    else {
      const role = of.role as 'previous' | 'induction' | 'duplicate' | 'first' | 'self';
      expect(Number(of.value)).toBe(head.stripes[role]);
      const more = heads.filter((h) => (h.stripes[role] ?? 0) > Number(of.value)).length;
      const told = (await card.textContent())!;
      expect(told.includes('the most'), told).toBe(more === 0);
    }
  }
  expect(seen.size, 'none twice').toBe(await cards.count());
  await cards.first().click();
  await expect(page.getByTestId('does')).toBeVisible(SLOW);
  await expect(page).toHaveURL(/heads=one/);
});

test('the head that adds most is chosen, with its scores as the server has them', async ({ page, request }) => {
  const run = await made(request);
  const { best } = await most(request, run);
  await open(page, run);
  await expect(page.getByTestId('which')).toContainText(`layer ${best.layer}, head ${best.head}`, SLOW);
  const does = page.getByTestId('does');
  expect(Number(await does.locator('[data-effect]').getAttribute('data-effect'))).toBeCloseTo(best.effect, 6);
  const { heads } = await ask<Heads>(request, '/heads', { run: run.id });
  const twice = await ask<HeadsRepeated>(request, '/heads/repeated', { model: run.model.slug, seed: 0 });
  const index = heads.findIndex((h) => h.layer === best.layer && h.head === best.head);
  for (const [i, of] of [heads[index], twice.heads[index]].entries()) {
    for (const key of ['previous', 'first', 'self'] as const) {
      const cell = does.locator(`[data-stripe="${i}/${key}"]`);
      await expect(cell).toBeVisible(SLOW);
      expect(Number(await cell.getAttribute('data-value'))).toBe(of.stripes[key]);
    }
    const mul = page.getByTestId('detect').locator(`[data-mul="${i}/induction"]`);
    expect(Number(await mul.getAttribute('data-value'))).toBe(of.detect.induction.mul);
  }
  await page.getByText('As a table').click();
  await expect(page.getByTestId('figure-heads').locator('table').last().locator('tbody tr')).toHaveCount(heads.length);
});

test('one row in full is the model’s own', async ({ page, request }) => {
  const run = await made(request);
  const { best } = await most(request, run);
  await open(page, run);
  await page.getByText('One row in full', { exact: true }).click();
  const at = `blocks.${best.layer}.attn`;
  const query = run.prompt_length - 1;
  await expect(page.getByTestId('row')).toBeVisible(SLOW);
  const slice = `query=${query}&head=${best.head}`;
  const [scores, weights] = await Promise.all(
    ['hook_attn_scores', 'hook_pattern'].map((h) => values(request, run.id, `${at}.${h}`, slice)),
  );
  const rows = page.getByTestId('row').locator('tr[data-key]');
  expect(await rows.count()).toBeGreaterThan(2);
  for (const row of await rows.all()) {
    const key = Number(await row.getAttribute('data-key'));
    expect(Number(await row.locator('[data-weight]').getAttribute('data-weight'))).toBe(weights[key]);
    expect(Number(await row.locator('[data-score]').getAttribute('data-score'))).toBe(scores[key]);
  }
  await page.reload();
  await expect(page.getByTestId('row'), 'the URL has the panel').toBeVisible(SLOW);
});

test('shared keys, words and what is added are REST’s figures', async ({ page, request }) => {
  const run = await made(request);
  const { effects, best } = await most(request, run);
  await open(page, run);
  await page.getByText('Shared keys', { exact: true }).click();
  const { n_kv_heads, n_heads, d_head } = run.model;
  const keeping = run.kv_cache.layers.filter((b) => b > 0).length; // layers with a short convolution keep no keys
  await expect(page.getByTestId('cached')).toHaveAttribute('data-value', String(2 * keeping * n_kv_heads * d_head));
  await expect(page.getByTestId('shared').locator('rect')).toHaveCount(n_kv_heads);
  await expect(page.getByTestId('shared').getByRole('button')).toHaveCount(n_heads);

  await page.getByText('Looks for, writes', { exact: true }).click();
  await expect(page.getByTestId('words')).toBeVisible(SLOW);
  const query = run.tokens[run.prompt_length - 1];
  const circuits = await ask<HeadCircuits>(request, '/heads/circuits', {
    model: run.model.slug,
    layer: best.layer,
    head: best.head,
    distance: 1,
    ids: [query.id],
    top: 6,
  });
  const seeks = page.getByTestId('seeks').locator('li');
  await expect(seeks).toHaveCount(6);
  for (const [i, s] of circuits.of[0].seeks.entries()) {
    expect(Number(await seeks.nth(i).getAttribute('data-id'))).toBe(s.id);
    expect(Number(await seeks.nth(i).getAttribute('data-score'))).toBeCloseTo(s.score, 5);
  }

  await page.getByText('What it adds', { exact: true }).click();
  const adds = page.getByTestId('adds');
  await expect(adds).toBeVisible(SLOW);
  expect(Number(await adds.locator('[data-sum]').getAttribute('data-sum'))).toBeCloseTo(effects.sum, 5);
  const logits = await values(request, run.id, 'logits', `pos=${run.prompt_length - 1}`);
  expect(Number(await adds.locator('[data-logit]').getAttribute('data-logit'))).toBeCloseTo(Math.max(...logits), 4);
  if (!effects.softcap) expect(effects.sum).toBeCloseTo(effects.logit, 3);
  const first = page.getByTestId('strongest-heads').locator('li').first();
  const strongest = Math.max(...effects.parts.filter((p) => p.part === 'head').map((p) => Math.abs(p.effect)));
  expect(Math.abs(Number(await first.getAttribute('data-effect')))).toBeCloseTo(strongest, 6);
});

test('sorting moves every head to its rank, and the keyboard picks one', async ({ page, request }) => {
  const run = await made(request);
  await page.emulateMedia({ reducedMotion: 'reduce' });
  await open(page, run, 'all');
  await page.getByText('Token before', { exact: true }).click();
  await expect(page).toHaveURL(/by=previous/);
  const { heads } = await ask<Heads>(request, '/heads', { run: run.id });
  const first = heads.reduce((a, b) => (b.stripes.previous > a.stripes.previous ? b : a));
  const grid = page.getByTestId('grid').getByRole('application');
  await grid.focus();
  await page.keyboard.press('Home');
  await page.keyboard.press('Enter');
  await expect(page.getByTestId('does').locator('h4')).toContainText(`Layer ${first.layer}, head ${first.head}`);
  await expect(page).toHaveURL(new RegExp(`layer=${first.layer}.*head=${first.head}`));
  await page.getByRole('button', { name: 'Silence this head' }).click();
  await expect(page.getByTestId('changes').locator('[data-ready=true] p')).toBeVisible(SLOW);
});

test('a guess is checked against random tokens said twice, and beats move the figure', async ({ page, request }) => {
  const run = await made(request);
  await open(page, run, 'six');
  const guess = page.getByTestId('guess');
  await guess.evaluate((e) => e.scrollIntoView({ block: 'center' }));
  await expect(page.getByTestId('figure-heads').locator('h3')).toContainText('Which head reads', SLOW);
  await expect(page.getByTestId('does')).toHaveCount(0);
  const grid = page.getByTestId('grid').getByRole('application');
  await grid.focus();
  await page.keyboard.press('ArrowRight');
  await page.keyboard.press('Enter');
  await expect(guess.getByTestId('guess-previous')).toContainText('%', SLOW);
  const go = (title: string) =>
    page.getByRole('heading', { name: title }).evaluate((e) => e.scrollIntoView({ block: 'center' }));
  for (const [title, id] of [
    ['One row, with all its numbers', 'row'],
    ['Fewer keys than heads', 'shared'],
    ['Looks for, then writes', 'words'],
    ['What it adds to the answer', 'adds'],
  ]) {
    await go(title);
    await expect(page.getByTestId(id)).toBeVisible(SLOW);
  }
});

fits(
  [360, 768, 1400, 2560],
  [
    ['light', 'six'],
    ['dark', 'six'],
    ['light', 'one'],
    ['dark', 'all'],
  ],
  (request) => made(request),
  (page, run, show) => open(page, run, show as 'six'),
);

import { fits } from './fits';
import { defaultModel, expect, hoverUntil, test } from './support';
import type { APIRequestContext, Page } from '@playwright/test';
import type { Checkpoint, Clock, Curve, HeadsRepeated, RunManifest, TrainingJob, Waves } from '../src/api/types';

/** Chapter 12: a life's numbers are REST's at every state, the guess is checked, a model is trained and opens everywhere. */

const PATH = '/chapters/12-training-phases';
const SLOW = { timeout: 90_000 };
const LIFE = 'tales-4m';
const PROMPT = 'Mia sang a song: "Kiri bim bolo!" Ben sang it too: "Kiri bim';

async function post<A>(request: APIRequestContext, path: string, data: object): Promise<A> {
  const response = await request.post(`/api/v1${path}`, { data, ...SLOW });
  expect(response.ok(), await response.text()).toBe(true);
  return response.json();
}
const get = async <A>(request: APIRequestContext, path: string): Promise<A> =>
  (await request.get(`/api/v1${path}`)).json();

let made: Promise<RunManifest> | undefined;
const lived = (request: APIRequestContext): Promise<RunManifest> =>
  (made ??= post<RunManifest>(request, '/runs', {
    model: LIFE,
    prompt: PROMPT,
    generate: { max_new_tokens: 4, greedy: true },
  }));

/** Every kept state by its name and step, and the finished model. */
async function statesOf(request: APIRequestContext): Promise<{ slug: string; step: number }[]> {
  const { checkpoints } = await get<{ checkpoints: Checkpoint[] }>(request, `/models/${LIFE}/checkpoints`);
  const curve = await get<Curve>(request, `/models/${LIFE}/curve?points=2`);
  return [...checkpoints, { slug: LIFE, step: curve.step.at(-1)! }];
}

async function runAt(request: APIRequestContext, run: RunManifest, slug: string): Promise<RunManifest> {
  const tokens = run.tokens.slice(0, run.prompt_length).map((t) => t.id);
  const generate = { max_new_tokens: 16, greedy: true, alternatives: 6 };
  return post(request, '/runs', { model: slug, tokens, generate });
}

async function open(page: Page, run: RunManifest, more = ''): Promise<void> {
  await page.goto(`${PATH}?model=${run.model.slug}&run=${run.id}${more}`);
  await expect(page.getByTestId('figure-life').locator('h3')).toBeVisible(SLOW);
}

test('each state writes what REST says it writes, by its button, its dot and its address', async ({
  page,
  request,
}) => {
  test.setTimeout(300_000);
  const run = await lived(request);
  const states = await statesOf(request);
  await open(page, run, '&kept&at=0');
  const written = page.getByTestId('written');
  const player = page.getByRole('group', { name: 'Through the states' });
  for (const [i, s] of states.entries()) {
    await expect(written).toHaveAttribute('data-step', String(s.step), SLOW);
    const told = await runAt(request, run, s.slug);
    await expect(written.locator('mark')).toHaveText(told.generation!.text, SLOW);
    const top = told.generation!.steps[0].alternatives;
    const rows = page.getByTestId('next').locator('tr');
    await expect(rows).toHaveCount(top.length);
    for (const [k, a] of top.entries()) {
      await expect(rows.nth(k)).toHaveAttribute('data-id', String(a.id));
      expect(Number(await rows.nth(k).getAttribute('data-prob'))).toBeCloseTo(a.prob, 6);
    }
    if (i > 0) await expect(page).toHaveURL(new RegExp(`at=${s.step}\\b`));
    if (i < states.length - 1) await player.getByRole('button', { name: 'Step on' }).click();
  }
  const chart = page.getByTestId('figure-life').getByRole('application').first();
  await chart.focus();
  await chart.press('ArrowLeft');
  await expect(written).toHaveAttribute('data-step', String(states.at(-2)!.step));
  await hoverUntil(
    page,
    chart,
    [0.999, 0.9],
    new RegExp(`After ${states.at(-1)!.step.toLocaleString('en-US')} updates`),
  );
  await page.reload();
  await expect(written).toHaveAttribute('data-step', String(states.at(-2)!.step), SLOW);
});

test('the state on show is the first that says what is said in the end; a guess is checked against it', async ({
  page,
  request,
}) => {
  test.setTimeout(240_000);
  const run = await lived(request);
  const states = await statesOf(request);
  const says: number[] = [];
  for (const s of states) says.push((await runAt(request, run, s.slug)).generation!.steps[0].token.id);
  const right = states[says.indexOf(says.at(-1)!)].step;
  await open(page, run);
  await expect(page.getByTestId('written')).toHaveAttribute('data-step', String(right), SLOW);
  const guess = page.getByTestId('guess');
  await guess.evaluate((e) => e.scrollIntoView({ block: 'center' }));
  await expect(page.getByTestId('figure-life').locator('h3')).toHaveText('Where does it first get it right?', SLOW);
  await expect(page.getByTestId('written')).toHaveCount(0);
  await page.getByRole('group', { name: 'States to choose from' }).getByRole('button').first().click();
  await expect(guess.getByTestId('guess-step')).toHaveText(right.toLocaleString('en-US'));
  await page
    .getByRole('heading', { name: 'By heart, then understood' })
    .evaluate((e) => e.scrollIntoView({ block: 'center' }));
  await expect(page.getByTestId('waves')).toBeVisible(SLOW);
});

test('later stages are told by the held-out losses of REST around and in them', async ({ page, request }) => {
  const run = await lived(request);
  const curve = await get<Curve>(request, `/models/${LIFE}/curve`);
  const starts = [...curve.midtraining, Infinity];
  const between = (from: number, to: number) =>
    curve.step.flatMap((step, i) =>
      step > from && step <= to && curve.val_loss[i] !== null ? [curve.val_loss[i]] : [],
    );
  const told = async (id: string, stage: number, end: number) => {
    const text = page.getByTestId(id);
    await expect(text).toContainText(starts[stage].toLocaleString('en-US'), SLOW);
    await expect(text).toHaveAttribute('data-before', String(between(0, starts[stage]).at(-1)));
    await expect(text).toHaveAttribute('data-most', String(Math.max(...between(starts[stage], starts[stage + 1]))));
    await expect(text).toHaveAttribute('data-end', String(between(0, starts[end + 1]).at(-1)));
  };
  expect(starts).toHaveLength(5);
  await open(page, run);
  await told('second', 0, 0);
  await told('drills', 1, 3);
});

test('a life is played, and a state opens elsewhere', async ({ page, request }) => {
  test.setTimeout(120_000);
  const run = await lived(request);
  await open(page, run, '&kept&at=1000');
  await expect(page.getByTestId('written')).toBeVisible(SLOW);
  await page.getByRole('button', { name: 'Play' }).click();
  const last = (await statesOf(request)).at(-1)!.step;
  await expect(page.getByTestId('written')).toHaveAttribute('data-step', String(last), SLOW);
  const chart = page.getByTestId('figure-life').getByRole('application').first();
  const box = (await chart.boundingBox())!;
  await chart.click({ position: { x: box.width * 0.3, y: box.height * 0.3 } });
  // The dot nearest to the place: one of the first updates.
  await expect.poll(async () => Number(await page.getByTestId('written').getAttribute('data-step'))).toBeLessThan(1000);
  await page.getByRole('link', { name: 'its vectors' }).click();
  await expect(page).toHaveURL(/02-embeddings\?model=tales-4m/);
});

test('heads have the scores that REST finds on random tokens said twice', async ({ page, request }) => {
  test.setTimeout(240_000);
  const run = await lived(request);
  await open(page, run, '&kept&panel=heads&at=2400&role=induction');
  const formed = page.getByTestId('formed');
  await expect(formed).toBeVisible(SLOW);
  const heads = async (slug: string) =>
    (await post<HeadsRepeated>(request, '/heads/repeated', { model: slug, seed: 0 })).heads.map(
      (h) => h.stripes.induction ?? 0,
    );
  const [now, end] = [await heads(`${LIFE}@2400`), await heads(LIFE)];
  const best = end.indexOf(Math.max(...end));
  await expect(formed).toHaveAttribute('data-head', String(best));
  expect(Number(await formed.locator('[data-score]').getAttribute('data-score'))).toBeCloseTo(now[best], 6);
  await expect(page.getByTestId('grid')).toBeVisible(SLOW);
  await page.getByTestId('grid').getByRole('application').press('ArrowRight');
  await page.getByTestId('grid').getByRole('application').press('ArrowRight');
  await page.getByTestId('grid').getByRole('application').press('Enter');
  await expect(page).toHaveURL(/who=\d+/);
});

test('grokking: the sums, the waves of its neurons and of its number vectors are REST’s', async ({ page, request }) => {
  test.setTimeout(120_000);
  const run = await lived(request);
  await open(page, run, '&kept&panel=grokking&tick=1000');
  const waves = page.getByTestId('waves');
  await expect(waves).toBeVisible(SLOW);
  for (const slug of ['grokking@1000', 'grokking']) {
    if (slug === 'grokking') {
      const player = page.getByRole('group', { name: 'Through the clock’s states' });
      await player.getByRole('slider').press('End');
      await expect(page).toHaveURL(/tick=3000/);
    }
    const clock = await post<Clock>(request, '/clock', { model: slug, second: 7 });
    const spread = await post<Waves>(request, '/embeddings/waves', { model: slug, planes: 0 });
    expect(spread.waves.reduce((sum, w) => sum + w.share, 0)).toBeCloseTo(1, 6);
    await expect(waves).toHaveAttribute('data-right', String(clock.right), SLOW);
    expect(Number(await waves.getAttribute('data-share'))).toBeCloseTo(clock.strongest[0].share, 6);
    expect(Number(await waves.getAttribute('data-one'))).toBeCloseTo(clock.one_speed, 6);
  }
});

test('two models answer a request side by side', async ({ page, request }) => {
  test.setTimeout(120_000);
  const run = await lived(request);
  await open(page, run, `&kept&panel=sides&put=request&left=${LIFE}@1000&right=${LIFE}-instruct`);
  const said = page.getByTestId('said');
  await expect(said).toHaveCount(2, SLOW);
  for (const [i, slug] of [`${LIFE}@1000`, `${LIFE}-instruct`].entries()) {
    const told = await post<RunManifest>(request, '/runs', {
      model: slug,
      messages: [{ role: 'user', content: 'Tell me a story about a brave mouse.' }],
      generate: { max_new_tokens: 32, greedy: true },
    });
    await expect(said.nth(i)).toHaveText(told.generation!.text.trim());
  }
  await page.getByLabel('Right').selectOption(`${LIFE}@100`);
  await expect(page).toHaveURL(/right=tales-4m%40100/);
  await expect(said.nth(1)).toHaveAttribute('data-slug', `${LIFE}@100`, SLOW);
});

test('a model is trained, stopped, goes on, and opens in the chapters', async ({ page, request }) => {
  test.setTimeout(300_000);
  const run = await lived(request);
  await open(page, run, '&kept&panel=train');
  await page.getByRole('slider', { name: 'Updates' }).press('Home');
  const begin = page.getByRole('button', { name: /^Train mine-\d+$/ });
  const id = (await begin.innerText()).replace('Train ', '');
  try {
    await begin.click();
    const own = page.getByTestId('own');
    await expect(own).toHaveAttribute('data-job', id, SLOW);
    await expect.poll(async () => Number(await own.getAttribute('data-step')), SLOW).toBeGreaterThan(0);
    await own.getByRole('button', { name: 'Stop', exact: true }).click();
    await expect(own).toHaveAttribute('data-state', /stopped|finished/, SLOW);
    const goOn = own.getByRole('button', { name: 'Go on' });
    if (await goOn.isVisible()) await goOn.click();
    await expect(own).toHaveAttribute('data-state', 'finished', { timeout: 180_000 });
    const job = await get<TrainingJob>(request, `/training-jobs/${id}`);
    expect(job.step).toBe(job.steps);
    await expect(own.getByTestId('samples').locator('tr').last()).toContainText('60', SLOW);
    const last = await post<RunManifest>(request, '/runs', {
      model: id,
      prompt: PROMPT,
      generate: { max_new_tokens: 16, greedy: true },
    });
    await expect(own.getByTestId('samples').locator('tr').last().locator('td')).toHaveText(`…${last.generation!.text}`);
    await own.getByRole('link', { name: 'its life' }).click();
    await expect(page).toHaveURL(new RegExp(`model=${id}`));
    await open(page, last);
    await expect(page.getByTestId('written')).toBeVisible(SLOW);
    await expect(page.getByRole('group', { name: 'Through the states' })).toBeVisible();
  } finally {
    await page.goto('about:blank'); // the page goes through the states: it would ask a model that is gone
    await request.post(`/api/v1/training-jobs/${id}/stop`);
    await expect.poll(async () => (await request.delete(`/api/v1/training-jobs/${id}`)).status(), SLOW).toBe(204);
  }
});

test('a clock of one’s own is taken apart like the shipped one', async ({ page, request }) => {
  test.setTimeout(240_000);
  const run = await lived(request);
  await open(page, run, '&kept&panel=train');
  await page.getByText('Sums on a clock').click();
  await page.getByRole('slider', { name: 'Updates' }).press('Home');
  const begin = page.getByRole('button', { name: /^Train mine-\d+$/ });
  const id = (await begin.innerText()).replace('Train ', '');
  try {
    await begin.click();
    const own = page.getByTestId('own');
    await expect(own).toHaveAttribute('data-job', id, SLOW);
    await expect(own).toHaveAttribute('data-state', 'finished', { timeout: 180_000 });
    await own.getByRole('button', { name: 'Its waves' }).click();
    await expect(page).toHaveURL(new RegExp(`clock=${id}`));
    const clock = await post<Clock>(request, '/clock', { model: id, second: 7 });
    await expect(page.getByTestId('waves')).toHaveAttribute('data-right', String(clock.right), SLOW);
    await page.getByRole('button', { name: 'Back to the one that came with the page' }).click();
    const shipped = await post<Clock>(request, '/clock', { model: 'grokking', second: 7 });
    await expect(page.getByTestId('waves')).toHaveAttribute('data-right', String(shipped.right), SLOW);
  } finally {
    await page.goto('about:blank'); // the page goes through the states: it would ask a model that is gone
    await request.post(`/api/v1/training-jobs/${id}/stop`);
    await expect.poll(async () => (await request.delete(`/api/v1/training-jobs/${id}`)).status(), SLOW).toBe(204);
  }
});

test('a model that nothing is known of says so, and names one that can', async ({ page, request, quiet }) => {
  quiet.allow(/404/);
  const model = await defaultModel(request);
  test.skip(model.slug === LIFE, 'the default model has a life');
  const run = await post<RunManifest>(request, '/runs', {
    model: model.slug,
    tokens: [1, 5, 9, 7],
    capture: ['logits'],
  });
  await page.goto(`${PATH}?model=${run.model.slug}&run=${run.id}`);
  const cannot = page.getByTestId('cannot');
  await expect(cannot).toContainText('its files tell nothing of its training', SLOW);
  await expect(cannot.getByRole('link', { name: `${LIFE} can` })).toBeVisible(SLOW);
});

fits(
  [360, 768, 1400, 2560],
  [
    ['light', 'life', 'written'],
    ['dark', 'heads', 'grid'],
    ['light', 'grokking', 'waves'],
    ['dark', 'sides', 'said'],
    ['light', 'train', 'figure-life'],
  ],
  lived,
  async (page, run, panel, seen) => {
    await open(page, run, `&kept&panel=${panel}`);
    await expect(page.getByTestId(seen).first()).toBeVisible(SLOW);
    // While the models are on their way, the chips are disabled, and axe has nothing to focus in their row.
    const chips = page.getByRole('toolbar', { name: 'Prompts to try' });
    await expect(chips.getByRole('button').first()).toBeEnabled(SLOW);
  },
);

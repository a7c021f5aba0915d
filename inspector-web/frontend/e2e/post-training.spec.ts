import { fits } from './fits';
import { defaultModel, expect, somePrompt, test } from './support';
import type { APIRequestContext, Page } from '@playwright/test';
import type {
  Continuations,
  Distances,
  Learner,
  LearnerStepAnswer,
  Lessons,
  Logprobs,
  ModelSummary,
  RunManifest,
} from '../src/api/types';

/** Chapter 13: three models on one question are REST's, inside and out; a choice is a real step of DPO, and is taken back. */

const PATH = '/chapters/13-post-training';
const SLOW = { timeout: 90_000 };
const TRIO = ['tales-4m', 'tales-4m-instruct', 'tales-4m-preferred'];
const SAID =
  'Once upon a time, a proud duck named Mia lived in the forest with Uncle. One warm day Mia found a black lamp at the river.\n\nWhat did Mia find?';
// A question at which instruct and preferred part.
const PARTING =
  'Once upon a time, a kind girl named Lily lived in the village with Uncle. One warm day Lily found a white drum at the mill.\n\nWhat did Lily need?';
const chat = (said: string) => [{ role: 'user', content: said }];
const messages = chat(SAID);

async function post<A>(request: APIRequestContext, path: string, data: object): Promise<A> {
  const response = await request.post(`/api/v1${path}`, { data, ...SLOW });
  expect(response.ok(), `${path} ${response.status()}`).toBe(true);
  return response.json();
}

const runOf = (request: APIRequestContext, model = TRIO[0], prompt: object = { prompt: SAID }) =>
  post<RunManifest>(request, '/runs', { model, ...prompt });

async function written(request: APIRequestContext, model: string, said = SAID): Promise<Continuations> {
  const generate = { max_new_tokens: 32, temperature: 0 };
  return post(request, '/continuations', { request: { model, messages: chat(said), generate }, n: 1 });
}

async function open(page: Page, run: RunManifest, more = ''): Promise<void> {
  await page.goto(`${PATH}?model=${run.model.slug}&run=${run.id}${more}`);
  await expect(page.getByTestId('figure-answers').getByText('Get this data')).toBeVisible(SLOW);
}

const number = async (page: Page, selector: string, name: string) =>
  Number(await page.locator(selector).first().getAttribute(`data-${name}`));

test('three models answer as REST says, and part where they do', async ({ page, request }) => {
  test.setTimeout(120_000);
  await open(page, await runOf(request, TRIO[0], { prompt: PARTING }));
  const texts = await Promise.all(TRIO.map((slug) => written(request, slug, PARTING)));
  const ids = texts.map((t) => t.continuations[0].tokens.map((x) => x.id));
  for (const [i, slug] of TRIO.entries()) {
    const said = page.getByTestId('three').locator(`[data-slug="${slug}"] .token`);
    await expect(said).toHaveCount(ids[i].length, SLOW);
  }
  for (const [name, pair] of [
    ['instruct and preferred', 1],
    ['base and instruct', 0],
  ] as const) {
    if (pair === 0) await page.getByText(name, { exact: true }).click();
    const [a, b] = [ids[pair], ids[pair + 1]];
    const at = a.findIndex((id, i) => id !== b[i]);
    await expect(page.locator(`[data-slug="${TRIO[pair]}"] [data-here="${a[at]}"]`)).toBeVisible();
    await expect(page.locator(`[data-slug="${TRIO[pair + 1]}"] [data-here="${b[at]}"]`)).toBeVisible();
    for (const [i, model] of TRIO.entries()) {
      const odds = await post<Logprobs>(request, '/logprobs', {
        request: { model, messages: chat(PARTING) },
        tokens: [...b.slice(0, at), b[at]],
        from: texts[0].position + at,
      });
      const cell = page.locator(`[data-testid="odds"] tr[data-id="${b[at]}"] td`).nth(i);
      const shown = await cell.getAttribute('data-prob');
      if (shown !== null) expect(Number(shown)).toBeCloseTo(odds.tokens[0].prob, 5);
      else expect(odds.tokens[0].prob).toBeLessThan(0.01);
    }
  }
  await expect(page).toHaveURL(/part=answer/);
  await page.reload();
  await expect(page.locator(`[data-slug="${TRIO[0]}"] [data-here]`)).toBeVisible(SLOW);
});

test('the shipped models answer the examples as the words say', async ({ page, request }) => {
  await page.goto(PATH);
  const answer = async (example: string, model: number) => {
    const said = await page.locator('.chips button').filter({ hasText: example }).first().getAttribute('title');
    const { tokens } = (await written(request, TRIO[model], said!)).continuations[0];
    return tokens.map((t) => (t.special ? '' : t.text)).join('');
  };
  for (const model of [1, 2]) {
    expect(await answer('was Tom a bear?', model)).toBe('Tom was a fox, so no.');
    expect(await answer('how many went into the pot?', model)).toBe('One mushroom went into the pot.');
    expect(await answer('and how many did he find?', model)).toMatch(/^Karl found (?!one )\w+ mushrooms?\.$/);
  }
  // The instruct model goes on after its answer, the preferred one stops.
  const stops = await answer('why was she proud?', 2);
  expect(stops).toBe('Lily was proud because she gave something to Tom.');
  const goesOn = await answer('why was she proud?', 1);
  expect(goesOn.startsWith(stops)).toBe(true);
  expect(goesOn.length).toBeGreaterThan(stops.length + 20);
});

test('any other model may stand in, and a model without sisters says so', async ({ page, request }) => {
  test.setTimeout(120_000);
  await open(page, await runOf(request));
  await page.getByLabel('The preferred model').selectOption(TRIO[1]);
  // The last two are one model now: the first two are shown, until the last are asked for.
  await expect(page.locator(`[data-slug="${TRIO[0]}"] [data-here]`)).toBeVisible(SLOW);
  await page.getByText('instruct and preferred', { exact: true }).click();
  await expect(page.getByTestId('figure-answers')).toContainText('Both write the same', SLOW);
  await expect(page).toHaveURL(/preferred=tales-4m-instruct/);
  const own = await defaultModel(request);
  const { models }: { models: ModelSummary[] } = await (await request.get('/api/v1/models')).json();
  const alone = [own, ...models.filter((m) => m.exported && !m.trouble)].filter((m) => !TRIO.includes(m.slug));
  for (const model of alone.slice(0, 2)) {
    const text = somePrompt(model);
    const prompt = model.has_tokenizer ? { prompt: text } : { tokens: text.split(' ').map(Number) };
    const run = await runOf(request, model.slug, prompt);
    await page.goto(`${PATH}?model=${model.slug}&run=${run.id}`);
    await expect(page.getByTestId('cannot')).toContainText(model.exported ? 'forwards only' : 'no sisters', SLOW);
    await expect(page.getByTestId('cannot').getByRole('link')).toHaveText('tales-4m can');
  }
});

test('how far they lie apart inside is REST’s, at any token', async ({ page, request }) => {
  await open(page, await runOf(request), '&kept&panel=inside');
  const both = await Promise.all(
    [0, 1].map((i) =>
      post<Distances>(request, '/distances', {
        a: { model: TRIO[i], messages },
        b: { model: TRIO[i + 1] },
        hooks: ['blocks.*.hook_resid_post', 'blocks.*.hook_attn_out'],
      }),
    ),
  );
  const rows = page.getByTestId('inside').locator('tr[data-layer]');
  const check = async (hook: string, at: number) => {
    await expect(rows).toHaveCount(6, SLOW);
    for (let layer = 0; layer < 6; layer++) {
      for (const [i, d] of both.entries()) {
        const row = d.hooks.find((h) => h.hook === `blocks.${layer}.${hook}`)!;
        const cell = page.locator(`tr[data-layer="${layer}"] td`).nth(i);
        await expect
          .poll(async () => Number(await cell.getAttribute('data-apart')), SLOW)
          .toBeCloseTo(row.by_position.at(at)!, 6);
      }
    }
  };
  await check('hook_resid_post', -1);
  await page.getByText('what attention adds').click();
  await check('hook_attn_out', -1);
  await page.goto(page.url() + '&at=3');
  await check('hook_attn_out', 3);
});

test('the mask is the server’s, the guess is checked against it, and the words move the figure', async ({
  page,
  request,
}) => {
  test.setTimeout(120_000);
  await open(page, await runOf(request));
  const instruct = (await written(request, TRIO[1])).continuations[0];
  const { lessons } = await post<Lessons>(request, '/lessons', {
    model: TRIO[1],
    messages: [...messages, { role: 'assistant', content: instruct.text }],
  });
  const { counts } = lessons[0].lesson;
  const first = counts.indexOf(true);
  const guess = page.getByTestId('guess');
  await expect(guess.getByText('Just tell me')).toBeVisible(SLOW);
  await guess.evaluate((e) => e.scrollIntoView({ block: 'center' }));
  await expect(page.getByTestId('figure-answers').locator('h3')).toContainText('first token whose loss', SLOW);
  await expect(page.getByTestId('counted'), 'not told before it was guessed').toHaveCount(0);
  await page.getByTestId('mask').getByRole('option').nth(1).click();
  await expect(guess.getByTestId('guess-token')).toHaveText(String(first));
  await expect(page.getByTestId('mask')).toHaveAttribute('data-learnt', String(lessons[0].learnt));
  const shaded = page.getByTestId('mask').locator('[role="option"]:not(.dim)');
  await expect(shaded).toHaveCount(lessons[0].learnt);
  expect(Number(await shaded.first().getAttribute('data-index'))).toBe(first);

  await page
    .getByRole('heading', { name: 'Where it shows inside' })
    .evaluate((e) => e.scrollIntoView({ block: 'center' }));
  await expect(page.getByTestId('inside')).toBeVisible(SLOW);
  await page.getByRole('heading', { name: 'Examples teach' }).evaluate((e) => e.scrollIntoView({ block: 'center' }));
  const real = await post<Lessons>(request, '/lessons', { model: TRIO[1], conversation: 0 });
  await expect(page.getByTestId('mask')).toHaveAttribute('data-learnt', String(real.lessons[0].learnt), SLOW);
  await page.getByRole('button', { name: 'number up' }).click();
  await expect(page).toHaveURL(/conversation=1/);
  const next = await post<Lessons>(request, '/lessons', { model: TRIO[1], conversation: 1 });
  await expect(page.getByTestId('mask')).toHaveAttribute('data-learnt', String(next.lessons[0].learnt), SLOW);
});

test('a training pair has the log-probabilities of both models', async ({ page, request }) => {
  await open(page, await runOf(request), '&kept&panel=pair&example=2');
  const { lessons } = await post<Lessons>(request, '/lessons', { model: TRIO[1], preference: 2 });
  const all: number[][] = [];
  for (const [i, l] of lessons.entries()) {
    const ids = l.lesson.tokens.map((t) => t.id);
    const from = l.lesson.counts.lastIndexOf(false) + 1;
    all.push([]);
    for (const [side, model] of [TRIO[1], TRIO[2]].entries()) {
      const { logprob } = await post<Logprobs>(request, '/logprobs', { request: { model, tokens: ids }, from });
      all[i].push(logprob);
      const cell = page.locator(`[data-testid="pair"] tr[data-answer="${i}"] [data-logprob]`).nth(side);
      await expect.poll(async () => Number(await cell.getAttribute('data-logprob')), SLOW).toBeCloseTo(logprob, 3);
    }
  }
  const margin = 0.1 * (all[0][1] - all[0][0] - (all[1][1] - all[1][0]));
  expect(await number(page, '[data-testid="pair"] [data-margin]', 'margin')).toBeCloseTo(margin, 3);
});

test('a choice becomes one step of DPO as REST makes it, and is undone to the last byte', async ({ page, request }) => {
  test.setTimeout(150_000);
  const opened = async () =>
    ((await (await request.get('/api/v1/learners')).json()).learners as Learner[]).map((l) => l.id);
  const others = await opened();
  await open(page, await runOf(request), '&kept&panel=choose');
  const choose = page.getByTestId('choose');
  await choose.getByRole('button', { name: 'I prefer this one' }).nth(1).click();
  await expect(choose.getByTestId('effect')).toBeVisible(SLOW);

  // The same by hand: the two likeliest of twelve draws that differ.
  const generate = { max_new_tokens: 32, temperature: 1, seed: 1 };
  const asked = { request: { model: TRIO[1], messages, generate }, n: 12 };
  const drawn = await post<Continuations>(request, '/continuations', asked);
  const differ = [...new Map(drawn.continuations.map((c) => [c.text, c])).values()];
  const [first, second] = differ.sort((a, b) => b.logprob - a.logprob).map((c) => c.tokens.map((t) => t.id));
  const own = await post<Learner>(request, '/learners', { model: TRIO[1] });
  const step = await post<LearnerStepAnswer>(request, `/learners/${own.id}/steps`, {
    messages,
    preference: { chosen: { tokens: second }, rejected: { tokens: first }, beta: 0.1 },
    optimizer: 'adamw',
    learning_rate: 1e-4,
  });
  await request.delete(`/api/v1/learners/${own.id}`);
  const change = step.preference!;
  const read = (side: string, what: string) => number(page, `[data-side="${side}"] [data-${what}]`, what);
  for (const side of ['chosen', 'rejected'] as const) {
    expect(await read(side, 'reference')).toBeCloseTo(change[side].reference, 4);
    expect(await read(side, 'before')).toBe(await read(side, 'reference'));
    expect(await read(side, 'after')).toBeCloseTo(change[side].after, 4);
    expect(await read(side, 'reward')).toBeCloseTo(change[side].reward_after, 4);
  }
  const margins = choose.locator('[data-margin]');
  expect(Number(await margins.nth(0).getAttribute('data-margin'))).toBe(0);
  expect(Number(await margins.nth(1).getAttribute('data-margin'))).toBeCloseTo(change.margin_after, 4);
  expect(change.margin_after).toBeGreaterThan(0);
  expect(await number(page, '[data-testid="choose"] [data-loss]', 'loss')).toBeCloseTo(Math.LN2, 9);

  await choose.getByRole('button', { name: 'Prefer it once more' }).click();
  await expect(choose.getByRole('button', { name: 'Undo 1 of 2' })).toBeVisible(SLOW);
  expect(Number(await margins.nth(0).getAttribute('data-margin'))).toBeCloseTo(change.margin_after, 4);
  for (const name of ['Undo 1 of 2', 'Undo']) await choose.getByRole('button', { name, exact: true }).click();
  const undone = choose.getByTestId('undone');
  await expect(undone).toHaveAttribute('data-same', 'true', SLOW);
  await expect(undone).toContainText(own.weights_sha256.slice(0, 12), SLOW);

  await choose.getByRole('button', { name: 'Two others' }).click();
  await expect(page).toHaveURL(/draw=1/);
  await page.goto('/runs');
  await expect
    .poll(async () => (await opened()).filter((id) => !others.includes(id)), { message: 'leaving closes it' })
    .toEqual([]);
});

fits(
  [360, 768, 1400, 2560],
  [
    ['light', 'three'],
    ['dark', 'inside'],
    ['light', 'mask'],
    ['dark', 'pair'],
    ['light', 'choose'],
    ['dark', 'three'],
  ],
  runOf,
  async (page, run, panel) => {
    await open(page, run, `&kept&panel=${panel}`);
    await expect(page.getByTestId(panel)).toBeVisible(SLOW);
  },
);

import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { fits } from './fits';
import { expect, figure, test, values } from './support';
import type { APIRequestContext, Page } from '@playwright/test';
import type { ModelSummary, RunManifest } from '../src/api/types';

/** Chapters 3, 4 and 11 of a mixture of experts: what the router chose is REST's, and an expert is done without. */

const PATH = '/chapters/04-feed-forward';
const SLOW = { timeout: 90_000 };
const LAYER = 1;
const GATES = `blocks.${LAYER}.mlp.hook_expert_gates`;
const SCORES = `blocks.${LAYER}.mlp.hook_router_logits`;

async function made(request: APIRequestContext): Promise<RunManifest> {
  const { models }: { models: ModelSummary[] } = await (await request.get('/api/v1/models')).json();
  expect(
    models.map((m) => m.slug),
    'scripts/test serves it',
  ).toContain('tiny-mixtral');
  const capture = ['logits', 'blocks.*.mlp.hook_router_logits', 'blocks.*.mlp.hook_expert_*'];
  const data = { model: 'tiny-mixtral', tokens: [1, 17, 42, 8, 99, 3, 64, 25], capture };
  const response = await request.post('/api/v1/runs', { data, ...SLOW });
  expect(response.ok()).toBe(true);
  return response.json();
}

async function open(page: Page, run: RunManifest, more = ''): Promise<void> {
  await page.goto(`${PATH}?model=${run.model.slug}&run=${run.id}${more}`);
  await expect(figure(page, 'router').getByText('Get this data')).toBeVisible(SLOW);
}

/** What stands in an attribute, by the expert whose row it is in. */
const byExpert = (page: Page, what: string) =>
  page
    .getByTestId('choice')
    .locator(`tr[data-expert]:has([data-${what}])`)
    .evaluateAll(
      (rows, name) =>
        rows
          .map((r) => [
            Number(r.getAttribute('data-expert')),
            Number(r.querySelector(`[data-${name}]`)!.getAttribute(`data-${name}`)),
          ])
          .sort((a, b) => a[0] - b[0]),
      what,
    );

test('scores, weights, counts and what is added are the server’s', async ({ page, request }) => {
  const run = await made(request);
  await open(page, run);
  // The layer that nobody chose is the one whose router is surest of the last token.
  const sure = await Promise.all(
    Array.from({ length: run.model.n_layers }, async (_, l) => {
      const scores = await values(request, run.id, `blocks.${l}.mlp.hook_router_logits`, 'pos=7');
      const top = Math.max(...scores);
      return 1 / scores.reduce((sum, s) => sum + Math.exp(s - top), 0);
    }),
  );
  await expect(page.getByTestId('which')).toContainText(`Layer ${sure.indexOf(Math.max(...sure))},`);

  await open(page, run, `&kept&layer=${LAYER}&token=3`);
  await expect(page.getByTestId('choice')).toBeVisible(SLOW);
  const scores = await values(request, run.id, SCORES, 'pos=3');
  const gates = await values(request, run.id, GATES, 'pos=3');
  const sent = gates.flatMap((g, e) => (g > 0 ? [[e, g]] : []));
  expect(sent).toHaveLength(2);
  expect(await byExpert(page, 'score')).toEqual(scores.map((s, e) => [e, s]));
  expect(await byExpert(page, 'weight')).toEqual(sent);
  const slots = await values(request, run.id, `blocks.${LAYER}.mlp.hook_expert_indices`, 'pos=3');
  const answers = await values(request, run.id, `blocks.${LAYER}.mlp.experts.hook_out`, 'pos=3');
  const d = run.model.d_model;
  for (const [e, added] of await byExpert(page, 'added')) {
    const slot = slots.indexOf(e);
    expect(added).toBeCloseTo(gates[e] * Math.hypot(...answers.slice(slot * d, (slot + 1) * d)), 4);
  }
  const whole = Math.hypot(...(await values(request, run.id, `blocks.${LAYER}.hook_mlp_out`, 'pos=3')));
  expect(Number(await page.getByTestId('together').getAttribute('data-added'))).toBeCloseTo(whole, 4);

  await page.getByText('Tokens by expert', { exact: true }).click();
  const all = await values(request, run.id, GATES, '');
  const counts = scores.map((_, e) => all.filter((g, i) => i % scores.length === e && g > 0).length);
  const shown = page.getByTestId('load').locator('[data-load]');
  expect((await shown.allInnerTexts()).map(Number)).toEqual(counts);
});

test('its guess is the run’s', async ({ page, request }) => {
  const run = await made(request);
  await open(page, run, `&layer=${LAYER}`);
  const guess = page.getByTestId('guess');
  await guess.evaluate((e) => e.scrollIntoView({ block: 'center' }));
  await expect(figure(page, 'router').locator('h3')).toContainText('Which expert', SLOW);
  const all = await values(request, run.id, GATES, '');
  const counts = [0, 1, 2, 3].map((e) => all.filter((g, i) => i % 4 === e && g > 0).length);
  await page.getByTestId('load').getByRole('button').first().click();
  await expect(guess.getByTestId('guess-load')).toHaveText(`${Math.max(...counts)}`);
});

test('an expert is silenced, or the router may not choose it: REST’s runs, undone', async ({ page, request }) => {
  const run = await made(request);
  const first = (await values(request, run.id, `blocks.${LAYER}.mlp.hook_expert_indices`, 'pos=7'))[0];
  for (const [button, op, hook] of [
    [`Silence expert ${first}`, 'zero', GATES],
    ['Do not send to it', 'mask', SCORES],
  ] as const) {
    await open(page, run, `&kept&layer=${LAYER}`);
    await page.getByRole('button', { name: button, exact: true }).click();
    const panel = page.getByTestId('changes');
    await expect(panel.locator('[data-ready=true] p')).toBeVisible(SLOW);
    await expect.poll(() => new URL(page.url()).searchParams.get('changed')).toBeTruthy();
    const id = new URL(page.url()).searchParams.get('changed')!;
    const after: RunManifest = await (await request.get(`/api/v1/runs/${id}`)).json();
    expect(after.request.interventions).toMatchObject([{ hook, op, features: [first] }]);
    const said = { model: 'tiny-mixtral', tokens: [1, 17, 42, 8, 99, 3, 64, 25], capture: [GATES, 'logits'] };
    const rest = await request.post('/api/v1/runs', { data: { ...said, interventions: after.request.interventions } });
    const gates = await values(request, (await rest.json()).id, GATES, 'pos=7');
    expect(gates[first]).toBe(0);
    expect(gates.filter((g) => g > 0)).toHaveLength(op === 'zero' ? 1 : 2);
    await panel.getByRole('button', { name: /^Undo/ }).first().click();
    await expect(panel).toHaveCount(0);
  }
});

test('a lesson takes the router along: every panel, without a server', async ({ page, request }) => {
  const run = await made(request);
  const scratch = mkdtempSync(join(tmpdir(), 'inspector-mixture-'));
  try {
    const data = { chapters: ['04-feed-forward'] };
    const zip = await request.post(`/api/v1/runs/${run.id}/lesson`, { data, timeout: 300_000 });
    expect(zip.ok()).toBe(true);
    writeFileSync(join(scratch, 'lesson.zip'), await zip.body());
    execFileSync('python3', ['-m', 'zipfile', '-e', join(scratch, 'lesson.zip'), scratch]);
    const folder = pathToFileURL(join(scratch, 'lesson', 'index.html')).href;
    await page.goto(`${folder}#/chapters/04-feed-forward?layer=${LAYER}&token=3`);
    await expect(page.getByTestId('choice')).toBeVisible();
    const scores = await values(request, run.id, SCORES, 'pos=3');
    expect(await byExpert(page, 'score')).toEqual(scores.map((s, e) => [e, s]));
    for (const panel of await figure(page, 'router').getByRole('radiogroup').first().locator('label').all()) {
      await panel.click();
      await expect(figure(page, 'router').getByRole('alert')).toHaveCount(0);
      await expect(figure(page, 'router').locator('.waiting')).toHaveCount(0);
    }
    await expect(page.getByText('Open this model in LLM Inspector')).toBeVisible();
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
});

test('chapter 3 says where to look, chapter 11 draws the router', async ({ page, request }) => {
  const run = await made(request);
  await page.goto(`/chapters/03-neuron?model=${run.model.slug}&run=${run.id}`);
  await expect(page.getByTestId('cannot')).toContainText('chapter 4', SLOW);
  await page.goto(`/chapters/11-transformer-block?model=${run.model.slug}&run=${run.id}&kept&piece=mlp&layer=${LAYER}`);
  await expect(page.getByRole('option', { name: 'Feed-forward, 2 of 4 experts of 96' })).toBeVisible(SLOW);
  const opened = page.getByTestId('opened');
  await expect(opened).toContainText('2 of 4 experts of 96 neurons each');
  const scores = await values(request, run.id, SCORES, 'pos=7');
  const length = opened.locator('[data-hook="mlp.hook_router_logits"]');
  await expect(length).toBeVisible(SLOW);
  expect(Number(await length.getAttribute('data-length'))).toBeCloseTo(Math.hypot(...scores), 5);
});

fits(
  [360, 1400],
  [
    ['light', 'router'],
    ['dark', 'router'],
    ['light', 'load'],
    ['dark', 'path'],
  ],
  made,
  (page, run, sent) => open(page, run, `&kept&sent=${sent}`),
);

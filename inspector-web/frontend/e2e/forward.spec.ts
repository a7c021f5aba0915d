import { fits } from './fits';
import { defaultModel, expect, familiesOf, somePrompt, test, values } from './support';
import type { APIRequestContext, Locator, Page } from '@playwright/test';
import type { ModelSummary, RunManifest } from '../src/api/types';

/** The lines of Forward.java beside the values of a run: in a chapter and in Trace, from the address and back to it. */

const SLOW = { timeout: 90_000 };
const CHAPTER = '/chapters/08-attention-qkv';

async function madeOf(request: APIRequestContext, model: ModelSummary): Promise<RunManifest> {
  const text = somePrompt(model);
  const prompt = model.has_tokenizer ? { prompt: `${text} a cat. The cat` } : { tokens: text.split(' ').map(Number) };
  const response = await request.post('/api/v1/runs', { data: { model: model.slug, ...prompt }, ...SLOW });
  expect(response.ok()).toBe(true);
  return response.json();
}

const made = async (request: APIRequestContext) => madeOf(request, await defaultModel(request));

async function open(page: Page, run: RunManifest, path: string, code: string): Promise<Locator> {
  await page.goto(`${path}?model=${run.model.slug}&run=${run.id}&layer=1&head=1&token=3&code=${code}`);
  const panel = page.getByTestId('forward');
  await expect(panel.locator('[data-value]').first()).toBeVisible(SLOW);
  return panel;
}

const note = (panel: Locator, name: string) => panel.locator(`[data-note="${name}"]`);
const numbers = (of: Locator) => of.locator('[data-value]').evaluateAll((all) => all.map((e) => +e.dataset.value!));

test('the lines of a chapter’s step stand beside the run’s values, which are REST’s', async ({ page, request }) => {
  const run = await made(request);
  const { n_heads, n_kv_heads } = run.model;
  const panel = await open(page, run, CHAPTER, 'scores');
  const at = 'blocks.1.attn';
  const row = 'query=3&head=1';
  const scores = (await values(request, run.id, `${at}.hook_attn_scores`, row)).slice(0, 4);
  const weights = (await values(request, run.id, `${at}.hook_pattern`, row)).slice(0, 4);
  const j = weights.indexOf(Math.max(...weights));
  await expect(panel.getByTestId('letters')).toContainText(`i = 3`);
  await expect(panel.getByTestId('letters')).toContainText(`j = ${j}`);
  expect(await numbers(note(panel, 's[1][3]'))).toEqual([...scores].sort((a, b) => b - a));
  expect(await numbers(note(panel, `s[1][3][${j}]`))).toEqual([scores[j]]);
  const q = await values(request, run.id, `${at}.hook_rot_q`, 'pos=3&head=1');
  expect(await numbers(note(panel, 'qi'))).toEqual(q.slice(0, 4));
  const g = Math.floor(1 / (n_heads / n_kv_heads));
  const k = await values(request, run.id, `${at}.hook_rot_k`, `pos=${j}&head=${g}`);
  expect(await numbers(note(panel, `k[${j}], kv_head ${g}`))).toEqual(k.slice(0, 4));

  // The line is the file's: its number, and the code that a note stands beside.
  const line = panel.locator('li', { has: page.locator('[data-note="qi"]') });
  await expect(line.locator('code')).toHaveText(/^float\[\] qi = /);
  expect(Number(await line.getAttribute('data-line'))).toBeGreaterThan(100);

  await panel.getByRole('button', { name: 'softmax', exact: true }).click();
  await expect(page).toHaveURL(/code=softmax/);
  await expect(note(panel, 'p[1][3]')).toBeVisible(SLOW);
  expect(await numbers(note(panel, 'max'))).toEqual([Math.max(...scores)]);
  const total = scores.reduce((sum, s) => sum + Math.exp(s - Math.max(...scores)), 0);
  expect((await numbers(note(panel, 'sum')))[0]).toBeCloseTo(total, 4);
  await panel.getByRole('button', { name: 'head h up' }).click();
  await expect(note(panel, 'p[2][3]')).toBeVisible(SLOW);
  await expect(page).toHaveURL(/head=2/);
  await page.reload();
  await expect(note(panel, 'p[2][3]'), 'the URL restores it').toBeVisible(SLOW);
});

test('every step shows values of the run, none missing', async ({ page, request }) => {
  const run = await made(request);
  const panel = await open(page, run, '/', 'logits');
  const steps = panel.getByRole('group', { name: 'Steps of the forward pass' }).getByRole('button');
  expect(await steps.count()).toBeGreaterThan(10);
  for (const step of await steps.all()) {
    await step.click();
    await expect(step).toHaveAttribute('aria-pressed', 'true');
    await expect(panel.getByText('…', { exact: true })).toHaveCount(0, SLOW);
    await expect(panel.locator('[data-note]').first()).toBeVisible(SLOW);
    await expect(panel.getByText('not here')).toHaveCount(0);
    await expect(panel.getByTestId('lacked')).toHaveCount(0);
  }
});

test('its link opens it, Escape closes it and gives the focus back, and Back undoes it', async ({ page, request }) => {
  const run = await made(request);
  await page.goto(`${CHAPTER}?model=${run.model.slug}&run=${run.id}`);
  const link = page.getByTestId('stage').getByRole('link', { name: 'The code that computes it' });
  await link.focus();
  await page.keyboard.press('Enter');
  const panel = page.getByTestId('forward');
  await expect(panel.locator('[data-value]').first()).toBeVisible(SLOW);
  await expect(page).toHaveURL(/code=scores/);
  await page.keyboard.press('Escape');
  await expect(panel).toHaveCount(0);
  await expect(page).not.toHaveURL(/code=/);
  await expect(link).toBeFocused();

  await page.goto(`/?model=${run.model.slug}&run=${run.id}`);
  await page.locator('#attention').getByRole('link', { name: 'The code that computes it' }).click();
  await expect(panel.locator('[data-value]').first()).toBeVisible(SLOW);
  await page.goBack();
  await expect(panel).toHaveCount(0);
});

test('a model of another shape is told by its field, and shows no values', async ({ page, request }) => {
  const { shown } = await familiesOf(request);
  const other = shown.find((m) => m.slug === 'tiny-gpt2');
  expect(other, 'scripts/test serves a GPT-2 too').toBeDefined();
  const run = await madeOf(request, other!);
  await page.goto(`${CHAPTER}?model=${other!.slug}&run=${run.id}&code=scores`);
  const panel = page.getByTestId('forward');
  await expect(panel.getByTestId('other-shape')).toContainText('layers[0].attention.rope', SLOW);
  await expect(panel.getByTestId('other-shape')).toContainText('inspector-core/src/main/java/');
  await expect(panel.locator('[data-note]')).toHaveCount(0);
});

fits(
  [360, 768, 1400, 2560],
  [
    ['light', 'a chapter'],
    ['dark', 'a chapter'],
    ['light', 'Trace'],
    ['dark', 'Trace'],
  ],
  made,
  async (page, run, where) =>
    void (await (where === 'Trace' ? open(page, run, '/', 'attention') : open(page, run, CHAPTER, 'scores'))),
);

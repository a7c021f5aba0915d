import { readdirSync } from 'node:fs';
import type { Page } from '@playwright/test';
import type { RunManifest, RunSummary } from '../src/api/types';
import { defaultModel, expect, figure, seeAll, test } from './support';

/** What a view shows where nobody pressed Run: its recording, and the same request made live. */

const EMBEDDED = 'tales-4m';
const CHAPTERS = readdirSync('src/chapters').filter((f) => /^\d\d-/.test(f));
const SLOW = { timeout: 120_000 };

const stage = (page: Page) => page.getByTestId('stage');
const runOf = async (page: Page, name: string) =>
  /run (\S+)/.exec((await figure(page, name).locator('.provenance').innerText()) ?? '')?.[1];

for (const chapter of CHAPTERS) {
  test(`${chapter}: every panel works without Run`, async ({ page }) => {
    test.setTimeout(400_000);
    await page.emulateMedia({ reducedMotion: 'reduce' });
    await page.goto(`/chapters/${chapter}?model=${EMBEDDED}`);
    const panels = stage(page).getByRole('radiogroup').first().locator('label');
    await expect(panels.first()).toBeVisible(SLOW);
    for (let i = 0; i < (await panels.count()); i++) {
      const panel = panels.nth(i);
      const name = (await panel.innerText()).trim();
      await panel.click();
      await expect(stage(page).locator('.waiting'), name).toHaveCount(0, SLOW);
      await expect(stage(page).getByTestId('unrecorded'), name).toHaveCount(0);
      await expect(page.getByRole('alert'), name).toHaveCount(0);
      await expect(stage(page).locator('select:disabled'), name).toHaveCount(0);
    }
    await expect(stage(page).locator('.recorded')).toHaveCount(0);
    expect(page.url()).not.toMatch(/[?&]run=/);
  });
}

test('the live run takes the recording’s place, and nothing moves', async ({ page }) => {
  await page.addInitScript(() => {
    const all: number[] = [];
    Object.assign(window, { shifts: all });
    new PerformanceObserver((list) => {
      for (const e of list.getEntries() as (PerformanceEntry & { value: number; hadRecentInput: boolean })[])
        if (!e.hadRecentInput) all.push(e.value);
    }).observe({ type: 'layout-shift', buffered: true });
  });
  let answer = () => {};
  const held = new Promise<void>((resolve) => (answer = resolve));
  await page.route('**/api/v1/runs?*', async (route) => (await held, route.continue()));
  await page.goto(`/?model=${EMBEDDED}`);
  await seeAll(page);
  await expect(figure(page, 'tokens').getByText('recorded', { exact: true })).toBeVisible();
  await expect(page.getByTestId('status')).toContainText('Recorded, until live');
  await figure(page, 'tokens').getByRole('option').nth(3).click();
  await figure(page, 'norms').evaluate((e) => e.scrollIntoView({ block: 'start' }));
  await page.waitForTimeout(1000);
  // Where what is read stands: a line of provenance out of sight may become shorter.
  const look = async () => ({
    top: Math.round((await figure(page, 'norms').boundingBox())!.y),
    length: await page.evaluate(() => history.length),
  });
  const before = await look();
  const url = page.url();
  await page.evaluate(() => (window as unknown as { shifts: number[] }).shifts.splice(0));
  answer();
  await expect(page.getByTestId('status')).toContainText('Live run:', SLOW);
  await expect(page.locator('.recorded')).toHaveCount(0);
  expect(await look()).toEqual(before);
  expect(page.url()).toBe(url);
  await expect(figure(page, 'tokens').getByRole('option', { selected: true })).toHaveCount(1);
  const moved = await page.evaluate(() => (window as unknown as { shifts: number[] }).shifts);
  expect(moved.reduce((sum, v) => sum + v, 0)).toBeLessThan(0.01);
});

test('the same request is one run of the server’s, whoever opens the view', async ({ page, request }) => {
  const listed = async (): Promise<RunSummary[]> => (await (await request.get('/api/v1/runs?limit=1000')).json()).runs;
  await page.goto(`/?model=${EMBEDDED}&new=3`);
  await expect(page.getByTestId('status')).toContainText('Live run:', SLOW);
  const first = await runOf(page, 'tokens');
  const before = (await listed()).length;
  await page.evaluate(() => localStorage.clear());
  await page.reload();
  await expect(page.getByTestId('status')).toContainText('Live run:', SLOW);
  expect(await runOf(page, 'tokens')).toBe(first);
  expect((await listed()).length).toBe(before);
  const run = (await (await request.get(`/api/v1/runs/${first}`)).json()) as RunManifest;
  expect(run.model.slug).toBe(EMBEDDED);
  expect(run.generation?.steps).toHaveLength(3);
});

test('a recording is never shown as another model’s', async ({ page, request }) => {
  const own = await defaultModel(request);
  test.skip(own.slug === EMBEDDED, 'the default model is the recorded one');
  let recorded = 0;
  await page.exposeFunction('seen', () => recorded++);
  await page.addInitScript(() =>
    new MutationObserver(
      () => document.querySelector('.recorded') && (window as unknown as { seen(): void }).seen(),
    ).observe(document, { subtree: true, childList: true }),
  );
  await page.goto(`/chapters/08-attention-qkv?model=${own.slug}`);
  await expect(stage(page)).toContainText(`${own.slug} ·`, SLOW);
  expect(recorded).toBe(0);
});

test('a run that is gone leaves the view with one that is made', async ({ page, quiet }) => {
  quiet.allow(/404/);
  await page.goto('/chapters/05-logits-sampling?run=20200101-000000-000-abcdef');
  await expect(page.getByRole('alert')).toContainText('20200101-000000-000-abcdef');
  await expect(stage(page)).toBeVisible(SLOW);
  await expect(stage(page).locator('.recorded')).toHaveCount(0, SLOW);
  await expect(stage(page).locator('.waiting')).toHaveCount(0, SLOW);
});

test('a busy server leaves the recording on show, and Run goes before the background run', async ({ page, quiet }) => {
  quiet.allow(/429/);
  const busy = { title: 'too many runs', status: 429, what: 'too many runs are waiting' };
  await page.route('**/api/v1/runs', (route) =>
    route.fulfill({
      status: 429,
      headers: { 'retry-after': '60', 'content-type': 'application/problem+json' },
      body: JSON.stringify(busy),
    }),
  );
  await page.goto(`/?model=${EMBEDDED}&new=5&prompt=Once+upon+a+time,+a+busy+fox`);
  await expect(page.getByTestId('status')).toContainText('too many runs are waiting', SLOW);
  await expect(figure(page, 'tokens').getByText('recorded', { exact: true })).toBeVisible();
  await page.unroute('**/api/v1/runs');
  await page.getByRole('button', { name: 'Run', exact: true }).click();
  await expect(page.getByTestId('status')).toContainText('Last run:', SLOW);
  await expect(page).toHaveURL(/run=/);
});

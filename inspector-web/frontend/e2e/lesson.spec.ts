import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { extname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Locator, Page } from '@playwright/test';
import type { RunManifest } from '../src/api/types';
import { axe } from './axe';
import { expect, seeAll, showsNumbersOf, test } from './support';

/** A run made a lesson: the folder opens from a static host and from a disk, with every chapter and this run's numbers. */
const MODEL = 'tales-4m';
const PROMPT = 'Once upon a time, a brave mouse named Mia lived in the forest with Uncle.';
const TOKENS = 40;
const MOST_BYTES = 6_600_000;
const TYPES: { [ext: string]: string } = { '.html': 'text/html', '.js': 'text/javascript' };

/** Panels that need the model itself, by chapter; all others are drawn. */
const NEED_A_SERVER: { [chapter: string]: string[] } = {
  '02-embeddings': ['Sums'],
  '03-neuron': ['4 · Over a text'],
  '04-feed-forward': ['The product'],
  '05-logits-sampling': ['100 draws', 'Branches', 'A text’s odds'],
  '06-backpropagation': ['One weight', 'Update'],
  '07-optimizers': ['Real updates'],
  '12-training-phases': ['Side by side', 'Your own'],
  '13-post-training': ['Your choice'],
};

const scratch = mkdtempSync(join(tmpdir(), 'inspector-lesson-'));
const folder = join(scratch, 'lesson');
const inFolder = pathToFileURL(join(folder, 'index.html')).href;
const host = createServer((asked, answer) => {
  const path = new URL(asked.url ?? '/', 'http://localhost').pathname;
  const file = join(folder, path === '/' ? 'index.html' : path);
  if (!existsSync(file)) return void answer.writeHead(404).end();
  answer.writeHead(200, { 'content-type': TYPES[extname(file)] }).end(readFileSync(file));
});
let run: RunManifest;

test.describe.configure({ mode: 'serial' });
// Every chapter's questions are asked of the model: on a busy machine that takes minutes.
test.setTimeout(1_200_000);

test.afterAll(async () => {
  host.close();
  rmSync(scratch, { recursive: true, force: true });
});

test('a run is saved as a lesson of every chapter, at most 6.6 MB for forty tokens', async ({ page, request }) => {
  const counted = await (await request.post('/api/v1/tokenize', { data: { model: MODEL, text: PROMPT } })).json();
  const generate = { max_new_tokens: TOKENS - counted.count, greedy: true, alternatives: 10 };
  run = await (await request.post('/api/v1/runs', { data: { model: MODEL, prompt: PROMPT, generate } })).json();
  expect(run.tokens).toHaveLength(TOKENS);
  const runs = async () => (await (await request.get('/api/v1/runs?limit=1000')).json()).runs.length;
  const before = await runs();

  // What moves while one waits takes a browser without a GPU half a core from the server.
  await page.emulateMedia({ reducedMotion: 'reduce' });
  await page.goto('/runs');
  // One that is stopped leaves nothing, and the next one may be made.
  await page.getByRole('button', { name: `Save as a lesson of run ${run.id}` }).click();
  await expect(page.getByText(/Asking every chapter: \d+ answers/)).toBeVisible();
  await page.getByRole('button', { name: `Stop the lesson of run ${run.id}` }).click();
  await expect(page.getByText('Asking every chapter')).toHaveCount(0);
  await expect(page.getByRole('alert')).toHaveCount(0);
  await expect.poll(runs).toBe(before);
  await expect
    .poll(async () => (await (await request.get('/api/v1/runs?limit=1')).json()).active.length, { timeout: 30_000 })
    .toBe(0);

  const saved = page.waitForEvent('download', { timeout: 1_100_000 });
  await page.getByRole('button', { name: `Save as a lesson of run ${run.id}` }).click();
  await expect(page.getByText('Asking every chapter')).toBeVisible();
  await expect(page.getByText('Asking every chapter')).toHaveCount(0, { timeout: 1_100_000 });
  await expect(page.getByRole('alert')).toHaveCount(0);
  const zip = join(scratch, 'lesson.zip');
  await (await saved).saveAs(zip);
  execFileSync('python3', ['-m', 'zipfile', '-e', zip, scratch]);

  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((f) => statSync(join(folder, f)));
  expect(files.reduce((sum, f) => sum + (f.isFile() ? f.size : 0), 0)).toBeLessThanOrEqual(MOST_BYTES);
  expect(await runs(), 'what was made only to be recorded is gone again').toBe(before);
});

/** Nothing that the page asks for is missing or lies elsewhere. */
function requests(page: Page, home: string): string[] {
  const wrong: string[] = [];
  // A request is aborted where the page has left before its answer: that tells nothing of the file.
  page.on('requestfailed', (r) => {
    const why = r.failure()?.errorText;
    if (why !== 'net::ERR_ABORTED') wrong.push(`${r.url()} ${why}`);
  });
  page.on('response', (r) => r.status() >= 400 && wrong.push(`${r.url()} ${r.status()}`));
  page.on('request', (r) => /^(file|https?):/.test(r.url()) && !r.url().startsWith(home) && wrong.push(r.url()));
  return wrong;
}

/** What the address of the page names is there, drawn and without a problem. */
async function drawn(page: Page, stage: Locator, what: string): Promise<void> {
  await expect(stage.locator('.waiting'), what).toHaveCount(0);
  await expect(page.getByRole('alert'), what).toHaveCount(0);
  // What is scrolled out of the figure is drawn when it comes near.
  const blank = () =>
    stage.locator('canvas').evaluateAll(
      (all) =>
        all.filter((e) => {
          const [c, box] = [e as HTMLCanvasElement, e.getBoundingClientRect()];
          const held = e.closest('[data-testid=held]')?.getBoundingClientRect();
          if (held && (box.top >= held.bottom || box.bottom <= held.top)) return false;
          const empty = Object.assign(document.createElement('canvas'), { width: c.width, height: c.height });
          return c.toDataURL() === empty.toDataURL();
        }).length,
    );
  await expect.poll(blank, `blank pictures of ${what}`).toBe(0);
}

test('opens from a static host: every chapter, and this run’s numbers', async ({ page, request }) => {
  await new Promise<void>((up) => host.listen(0, '127.0.0.1', up));
  const home = `http://127.0.0.1:${(host.address() as AddressInfo).port}/`;
  const wrong = requests(page, home);
  await page.goto(`${home}#/?layer=1&head=2&token=3`);
  await expect(page.getByTestId('lesson-bar')).toContainText(PROMPT);
  await seeAll(page);
  await showsNumbersOf(page, request, run);

  await page.goto(`${home}#/`);
  const links = page.getByRole('navigation', { name: 'Main' }).first().locator('a[href*="/chapters/"]');
  const all = await links.evaluateAll((a) => a.map((e) => e.getAttribute('href')));
  expect(all).toHaveLength(15);
  for (const link of all) {
    // A page of its own: until a chapter is loaded the one before it stays.
    await page.goto('about:blank');
    await page.goto(home + link);
    await expect(page.getByText(/^Chapter \d+ · /)).toBeVisible();
    await page.waitForLoadState('networkidle');
    await drawn(page, page.getByTestId('stage'), `${link}`);
  }
  expect(wrong).toEqual([]);
});

test('opens from a folder: every panel is drawn, or says that it needs a server', async ({ page }) => {
  const wrong = requests(page, pathToFileURL(folder).href);
  await page.goto(inFolder);
  const chapters = await page.evaluate(() => globalThis.LESSON!.chapters);
  const seen: string[] = [];
  for (const chapter of chapters) {
    // A page of its own: until a chapter is loaded the one before it stays, with panels of its own.
    await page.waitForLoadState('networkidle');
    await page.goto('about:blank');
    await page.goto(`${inFolder}#/chapters/${chapter}`);
    const stage = page.getByTestId('stage');
    const panels = stage.getByRole('radiogroup').first().locator('label');
    await expect(panels.first()).toBeVisible();
    await expect(stage.locator('.waiting'), chapter).toHaveCount(0); // a panel may join the others once the chapter's values are here
    for (let i = 0; i < (await panels.count()); i++) {
      const panel = panels.nth(i);
      await panel.click();
      const name = (await panel.innerText()).trim();
      await drawn(page, stage, `${chapter}, ${name}`);
      const needs = NEED_A_SERVER[chapter]?.includes(name) ?? false;
      if (needs) seen.push(`${chapter}, ${name}`);
      await expect(stage.getByText('Open this model in LLM Inspector'), `${chapter}, ${name}`).toHaveCount(
        needs ? 1 : 0,
      );
      // A panel that needs a server says so before it is opened.
      const said = needs ? 'A lesson has no server. Open this model in LLM Inspector to see this' : null;
      expect(await panel.getAttribute('title'), `${chapter}, ${name}`).toBe(said);
    }
  }
  const all = Object.entries(NEED_A_SERVER).flatMap(([chapter, names]) => names.map((name) => `${chapter}, ${name}`));
  expect(seen, 'no panel that needs a server is gone').toEqual(all);
  expect(wrong).toEqual([]);
});

test('has the lines of Forward.java beside its values', async ({ page }) => {
  const wrong = requests(page, pathToFileURL(folder).href);
  await page.goto(`${inFolder}#/chapters/08-attention-qkv?layer=1&head=2&token=5&code=scores`);
  const panel = page.getByTestId('forward');
  await expect(panel.getByText('private static float[][][] scores(')).toBeVisible();
  await expect(panel.locator('[data-note="s[2][5]"] [data-value]').first()).toBeVisible();
  await expect(panel.getByText('not here')).toHaveCount(0);
  expect(wrong).toEqual([]);
});

test('has the circuit of its model’s first pair of prompts, on a phone too', async ({ page }) => {
  const wrong = requests(page, pathToFileURL(folder).href);
  await page.setViewportSize({ width: 390, height: 740 });
  await page.goto(`${inFolder}#/lab`);
  const fig = page.getByTestId('figure-circuit');
  await expect(fig.getByRole('heading').first()).toContainText('of the difference');
  await expect(fig.getByText('recorded').first()).toBeVisible();
  await fig.getByRole('slider').fill('3');
  await expect(page.getByTestId('drawn')).toContainText('3 edges drawn');
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(390);
  expect(await axe(page)).toEqual([]);
  expect(wrong).toEqual([]);
});

test('says plainly what a lesson cannot do, on a phone too', async ({ page }) => {
  await page.setViewportSize({ width: 360, height: 740 });
  await page.goto(`${inFolder}#/training`);
  await expect(page.getByRole('alert')).toContainText('This needs a server, and a lesson has none');
  await page.goto(`${inFolder}#/chapters/05-logits-sampling`);
  await expect(page.getByTestId('stage')).toBeVisible();
  await expect(page.getByTestId('lesson-bar')).toContainText('nothing runs here');
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(360);
  expect(await axe(page)).toEqual([]);
});

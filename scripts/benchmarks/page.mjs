#!/usr/bin/env node
/**
 * Measures the page in Chromium against a server of its own: bytes of the first view, and of each chapter's code and
 * recording; how far things move while a view is loaded and read to its end (CLS); the longest task and the frames per second
 * while a pointer moves over runs of 400 to 2,000 tokens, and on Trace at 900 tokens also while it is scrolled, with the time
 * from an arrow key to the frame that shows the next token; with --lighthouse the scores of Trace, chapter 8 and Compare on a
 * phone and on a desktop as Lighthouse has them (npx fetches it, or --lighthouse-bin names it), with the benchmarkIndex that it
 * measured of this machine. --slowdown lists what a phone is slower by: Lighthouse's 4 is for a machine of index 1500 to 2000, and its
 * docs/throttling.md names 2 for one of 1000 to 1500.
 *
 *   node scripts/benchmarks/page.mjs [--url URL] [--model DIR|SLUG] [--seconds 5] [--only weights,shifts,motion]
 *                                    [--lighthouse TIMES] [--slowdown 4,2] [--paths /,/compare]
 *
 * --url is a server that runs already, and --model then a slug of its own with a context of 2,000 tokens or more.
 */
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { createServer } from 'node:net';
import { cpus, loadavg, tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const root = fileURLToPath(new URL('../..', import.meta.url));
const frontend = join(root, 'inspector-web/frontend');
const { chromium } = createRequire(join(frontend, 'package.json'))('playwright-core');
const { values: args } = parseArgs({
  options: {
    url: { type: 'string' },
    model: { type: 'string' },
    seconds: { type: 'string', default: '5' },
    lighthouse: { type: 'string', default: '0' },
    'lighthouse-bin': { type: 'string' },
    slowdown: { type: 'string', default: '4' },
    paths: { type: 'string', default: '/,/chapters/08-attention-qkv,/compare' },
    only: { type: 'string', default: 'weights,shifts,motion' },
  },
});
const MS = Number(args.seconds) * 1000;
const KIB = 1024;

const server = args.url ? null : await serve();
const url = args.url ?? server.url;
const browser = await chromium.launch({ executablePath: browserPath(), args: ['--no-sandbox'] });
try {
  console.log(`${cpus()[0].model}, ${cpus().length} cores, load ${loadavg()[0].toFixed(1)}; Chromium ${browser.version()}`);
  const parts = args.only.split(',');
  if (parts.includes('weights')) await weights();
  if (parts.includes('shifts')) await shifts();
  for (let i = 0; i < Number(args.lighthouse); i++) {
    for (const path of args.paths.split(',')) {
      for (const times of args.slowdown.split(',')) lighthouse(path, 'mobile', times);
      lighthouse(path, 'desktop', '1');
    }
  }
  if (parts.includes('motion')) await motions();
} finally {
  await browser.close();
  server?.stop();
}

/** Every figure that a pointer moves over in a long run. */
async function motions() {
  const { models, default: standard } = await (await fetch(`${url}/api/v1/models`)).json();
  const embedded = models.find((m) => m.slug === standard);
  const long = args.url ? args.model : args.model && basename(args.model);
  const attention = '[data-testid=figure-attention] [role=application]';
  await motion('Trace, 400 tokens', await run(embedded, 400), '/', attention);
  const longest = await run(embedded, 900);
  await motion('Trace, 900 tokens', longest, '/', attention);
  await scrolled('Trace, 900 tokens', longest);
  await keyed('Trace, 900 tokens', longest);
  await motion('Chapter 8, 400 tokens', await run(embedded, 400), '/chapters/08-attention-qkv', '[data-testid=passage] [role=application]');
  const other = models.find((m) => m.slug === long);
  if (other) {
    await motion('Chapter 8, 1,000 tokens', await run(other, 1000), '/chapters/08-attention-qkv', '[data-testid=passage] [role=application]');
    await motion('Chapter 9, 2,000 tokens', await run(other, 2000), '/chapters/09-multi-head', '[data-testid=grid] [role=application]');
  }
}

/** Lighthouse's performance score of a view: its slow phone (150 ms a round trip, 1.6 Mbit/s, this CPU so many times slower) or its desktop. */
function lighthouse(path, form, times) {
  const [command, ...before] = args['lighthouse-bin'] ? [args['lighthouse-bin']] : ['npx', '--yes', 'lighthouse@13'];
  const said = spawnSync(
    command,
    [...before, url + path, '--only-categories=performance', form === 'mobile' ? '--form-factor=mobile' : '--preset=desktop', `--throttling.cpuSlowdownMultiplier=${times}`, '--quiet', '--output=json', '--chrome-flags=--headless=new --no-sandbox --disable-gpu'],
    { env: { ...process.env, CHROME_PATH: browserPath() }, maxBuffer: 1 << 28, encoding: 'utf8' },
  );
  if (said.status !== 0) throw new Error(`Lighthouse did not run: ${said.stderr}`);
  const { audits, categories, environment } = JSON.parse(said.stdout);
  const shown = ['first-contentful-paint', 'largest-contentful-paint', 'total-blocking-time', 'cumulative-layout-shift'];
  const machine = `CPU ${times} times slower than this one of index ${environment.benchmarkIndex}`;
  console.log(`Lighthouse ${form}, ${machine}, ${path}: ${categories.performance.score}; ${shown.map((a) => `${a} ${audits[a].displayValue}`).join(', ')}`);
}

function browserPath() {
  return process.env.CHROMIUM ?? chromium.executablePath();
}

/** Bytes on the wire of the first view, and of the scripts that entering each chapter adds to it. */
async function weights() {
  const first = await bytesOf('/');
  console.log(`first view of /: ${kib(sum(first.values()))} KiB`);
  for (const chapter of readdirSync(join(frontend, 'src/chapters')).filter((f) => /^\d\d-/.test(f))) {
    const all = await bytesOf(`/chapters/${chapter}`);
    const own = [...all].filter(([path]) => path.endsWith('.js') && !first.has(path));
    const recorded = [...all].filter(([path]) => /\/run-[^/]+\.json$|\.gz$/.test(path));
    console.log(
      `${chapter}: first view ${kib(sum(all.values()))} KiB; scripts that / has not ${kib(sum(own.map(([, n]) => n)))} KiB; ` +
        `recording ${kib(sum(recorded.map(([, n]) => n)))} KiB in ${recorded.length} files`,
    );
  }
}

async function bytesOf(path) {
  const page = await browser.newPage({ viewport: { width: 1400, height: 900 } });
  const client = await page.context().newCDPSession(page);
  await client.send('Network.enable');
  const [names, sizes] = [new Map(), new Map()];
  client.on('Network.requestWillBeSent', (e) => names.set(e.requestId, new URL(e.request.url).pathname));
  client.on('Network.loadingFinished', (e) => sizes.set(names.get(e.requestId), e.encodedDataLength));
  await page.goto(url + path);
  await page.waitForLoadState('networkidle');
  await page.evaluate(() => document.fonts.ready);
  await page.close();
  return sizes;
}

/**
 * Cumulative layout shift of every view that shows runs, without Run: until its live run is there, then scrolled to its end,
 * where words that are reached put the figure before other panels.
 */
async function shifts() {
  const chapters = readdirSync(join(frontend, 'src/chapters')).filter((f) => /^\d\d-/.test(f));
  for (const [width, height] of [[1400, 900], [390, 844]]) {
    for (const path of ['/', '/compare', ...chapters.map((c) => `/chapters/${c}`)]) {
      const page = await browser.newPage({ viewport: { width, height } });
      await page.addInitScript(() => {
        window.shifted = [];
        new PerformanceObserver((list) => {
          for (const e of list.getEntries()) if (!e.hadRecentInput) window.shifted.push([e.startTime, e.value]);
        }).observe({ type: 'layout-shift', buffered: true });
      });
      await page.goto(url + path);
      if (path !== '/compare') {
        const live = () => /Live run|Last run/.test(document.querySelector('[data-testid=status]')?.textContent ?? '');
        await page.waitForFunction(live).catch(() => console.log(`${path}: no live run came`));
      }
      await page.waitForTimeout(2000);
      const loaded = worst(await page.evaluate(() => window.shifted));
      await page.evaluate(async () => {
        for (let y = 0; y < document.body.scrollHeight; y += innerHeight / 4) {
          window.scrollTo(0, y);
          await new Promise((r) => setTimeout(r, 200));
        }
      });
      const read = worst(await page.evaluate(() => window.shifted));
      console.log(`${path} at ${width} x ${height}: layout shift ${loaded.toFixed(3)} until its live run is there, ${read.toFixed(3)} read to its end`);
      await page.close();
    }
  }
}

/** As Chromium reports it: the largest sum of shifts less than a second apart within five seconds. */
function worst(shifts) {
  let [most, now, first, last] = [0, 0, -Infinity, -Infinity];
  for (const [at, value] of shifts) {
    if (at - last > 1000 || at - first > 5000) [now, first] = [0, at];
    [now, last] = [now + value, at];
    most = Math.max(most, now);
  }
  return most;
}

/** Moves a pointer over a figure and tells the longest task, and how often a frame came. */
async function motion(name, { id, model }, path, target) {
  const page = await browser.newPage({ viewport: { width: 1400, height: 900 } });
  await page.goto(`${url}${path}?model=${model}&run=${id}`);
  // A figure asks for its numbers when it comes into view.
  const place = page.locator(target.split(' ')[0]).first();
  await place.waitFor({ timeout: 120_000 });
  await place.evaluate((e) => e.scrollIntoView({ block: 'center' }));
  const figure = page.locator(target).first();
  await figure.waitFor({ timeout: 600_000 });
  await figure.evaluate((e) => e.scrollIntoView({ block: 'center' }));
  await page.waitForTimeout(3000);
  await watch(page);
  const box = await figure.boundingBox();
  const end = Date.now() + MS;
  for (let i = 0; Date.now() < end; i++) {
    await page.mouse.move(box.x + box.width * ((i * 0.0137) % 1), box.y + box.height * ((i * 0.0071) % 1));
  }
  await report(`${name}, pointer`, page);
  await page.close();
}

/** Scrolls a view up and down by the wheel. */
async function scrolled(name, of) {
  const page = await opened(of);
  await watch(page);
  await page.mouse.move(700, 450);
  const end = Date.now() + MS;
  for (let i = 0; Date.now() < end; i++) await page.mouse.wheel(0, i % 120 < 60 ? 90 : -90);
  await report(`${name}, scrolled`, page);
  await page.close();
}

/** Presses the arrow keys on the tokens, and tells how long the next token takes to be painted, as the browser times events. */
async function keyed(name, of) {
  const page = await opened(of);
  await page.evaluate(() => {
    window.keys = [];
    new PerformanceObserver((list) => {
      for (const e of list.getEntries()) if (e.name === 'keydown') window.keys.push(e.duration);
    }).observe({ type: 'event', durationThreshold: 16 });
  });
  const token = page.locator('[role=option]').nth(40);
  await token.click();
  const presses = 40;
  for (let i = 0; i < presses; i++) {
    await page.keyboard.press('ArrowRight');
    await page.waitForTimeout(150);
  }
  const slow = (await page.evaluate(() => window.keys)).sort((a, b) => a - b);
  await page.close();
  // The browser does not list what took less than 16 ms.
  const all = [...Array(presses - slow.length).fill(16), ...slow];
  console.log(`${name}, arrow key: painted after ${all[presses / 2].toFixed(0)} ms in the median, 95 % within ${all[Math.floor(0.95 * presses)].toFixed(0)} ms`);
}

/** Trace of a run, with all its figures drawn. */
async function opened({ id, model }) {
  const page = await browser.newPage({ viewport: { width: 1400, height: 900 } });
  await page.goto(`${url}/?model=${model}&run=${id}`);
  await page.locator('[role=option]').first().waitFor({ timeout: 120_000 });
  await page.evaluate(async () => {
    for (let y = 0; y < document.body.scrollHeight; y += innerHeight / 2) {
      window.scrollTo(0, y);
      await new Promise((r) => setTimeout(r, 500));
    }
  });
  await page.waitForFunction(() => !document.querySelector('.waiting'), null, { timeout: 300_000 });
  await page.evaluate(() => window.scrollTo(0, 0));
  await page.waitForTimeout(2000);
  return page;
}

/** Counts frames and long tasks of a page from now on. */
async function watch(page) {
  await page.evaluate(() => {
    const seen = { tasks: [], frames: [] };
    new PerformanceObserver((list) => seen.tasks.push(...list.getEntries().map((e) => e.duration))).observe({
      entryTypes: ['longtask'],
    });
    const tick = (t) => (seen.frames.push(t), requestAnimationFrame(tick));
    requestAnimationFrame(tick);
    window.seen = seen;
  });
}

async function report(name, page) {
  const { tasks, frames } = await page.evaluate(() => window.seen);
  const gaps = frames.slice(1).map((t, i) => t - frames[i]).sort((a, b) => a - b);
  const rate = (1000 * gaps.length) / sum(gaps);
  console.log(
    `${name}: longest task ${Math.max(0, ...tasks).toFixed(0)} ms (${tasks.filter((t) => t > 100).length} above 100 ms); ` +
      `${rate.toFixed(1)} frames per second, 95 % of frames within ${gaps[Math.floor(0.95 * gaps.length)]?.toFixed(0)} ms`,
  );
}

/** A run of so many tokens that captured nothing: what a figure wants is read again. */
async function run(model, count) {
  const { spec } = await (await fetch(`${url}/api/v1/models/${model.slug}`)).json();
  const tokens = Array.from({ length: count }, (_, i) => 5 + ((i * i * 7 + i) % Math.min(spec.vocab - 5, 1900)));
  const response = await fetch(`${url}/api/v1/runs`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ model: model.slug, tokens }),
  });
  if (!response.ok) throw new Error(await response.text());
  return { id: (await response.json()).id, model: model.slug };
}

async function serve() {
  const scratch = mkdtempSync(join(tmpdir(), 'inspector-page-'));
  const port = await new Promise((resolve) => {
    const probe = createServer().listen(0, '127.0.0.1', () => {
      const { port } = probe.address();
      probe.close(() => resolve(port));
    });
  });
  const places = ['--models', join(root, 'model-cache'), ...(args.model ? ['--models', join(args.model, '..')] : [])];
  const child = spawn(join(root, 'scripts/inspector'), ['serve', '--port', String(port), '--runs', join(scratch, 'runs'), ...places], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const stop = () => (child.kill(), rmSync(scratch, { recursive: true, force: true }));
  const url = `http://127.0.0.1:${port}`;
  for (let i = 0; i < 600; i++) {
    if (child.exitCode !== null) break;
    if (await fetch(`${url}/api/v1/health`).then((r) => r.ok, () => false)) return { url, stop };
    await new Promise((r) => setTimeout(r, 500));
  }
  stop();
  throw new Error('the server did not start');
}

function sum(numbers) {
  let all = 0;
  for (const n of numbers) all += n;
  return all;
}

function kib(n) {
  return (n / KIB).toFixed(0);
}

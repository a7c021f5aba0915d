import { expect, test as base, type APIRequestContext, type Locator, type Page } from '@playwright/test';
import type { ComparisonManifest } from '../src/api/types';
import type { Lens, ModelSummary, Norms, RunManifest } from '../src/api/types';

/** The addresses of the servers, one for each worker: playwright.config.ts. */
export type Servers = { servers: string[] };

/** test fails when the page logs an error, throws, or asks for what is not there. */
export const test = base.extend<Servers & { quiet: { allow: (pattern: RegExp) => void } }>({
  servers: [[], { option: true }],
  baseURL: ({ servers }, use, info) => use(servers[info.parallelIndex]),
  quiet: [
    async ({ page }, use) => {
      const errors: string[] = [];
      const allowed: RegExp[] = [];
      page.on('console', (m) => {
        if (m.type() === 'error' || m.type() === 'warning') errors.push(`${m.text()} ${m.location().url}`);
      });
      page.on('pageerror', (e) => errors.push(e.stack ?? e.message));
      await use({ allow: (pattern) => allowed.push(pattern) });
      expect(errors.filter((e) => !allowed.some((a) => a.test(e)))).toEqual([]);
    },
    { auto: true },
  ],
});
export { expect };

export const FIGURES = ['tokens', 'attention', 'norms', 'lens', 'distribution', 'continuation'];

export async function defaultModel(request: APIRequestContext): Promise<ModelSummary> {
  const { default: slug, models } = await (await request.get('/api/v1/models')).json();
  return models.find((m: ModelSummary) => m.slug === slug) ?? models[0];
}

/** Unlike one another: the embedded Llama, learned positions, parallel blocks, windows and four norms per block, GGUF blocks. */
const FAMILIES = ['tales-4m', 'tiny-gpt2', 'tiny-pythia', 'tiny-gemma3', 'tiny64-Q4_0'];

/** The default model and one of each family that the server has, and the graphs of somebody else's. */
export async function familiesOf(
  request: APIRequestContext,
): Promise<{ shown: ModelSummary[]; exported: ModelSummary[] }> {
  const own = await defaultModel(request);
  const { models }: { models: ModelSummary[] } = await (await request.get('/api/v1/models')).json();
  const others = FAMILIES.flatMap((slug) => models.filter((m) => m.slug === slug && slug !== own.slug));
  return {
    shown: [own, ...others].filter((m) => !m.exported),
    exported: models.filter((m) => m.exported && !m.trouble).slice(0, 1),
  };
}

/** Something to run: text where there is a tokenizer, ids where there is none. */
export function somePrompt(model: ModelSummary): string {
  return model.has_tokenizer ? 'Once upon a time, there was' : '1 17 42 8 99 3 64 25';
}

/** Opens the page, writes the prompt, runs it and waits for the figures. Gives the run as the server keeps it. */
export async function runPrompt(page: Page, request: APIRequestContext, query = 'new=8'): Promise<RunManifest> {
  const model = await defaultModel(request);
  await page.goto(`/?${query}`);
  // Until the unasked run is there, a view has no figure in which this one could be seen growing.
  await expect(page.getByTestId('status')).toContainText('Live run:', { timeout: 60_000 });
  await expect(page.getByTestId('figure-continuation')).toBeAttached({ timeout: 60_000 });
  await page.getByRole('textbox', { name: 'Prompt' }).fill(somePrompt(model));
  await expect(page.getByTestId('prompt-count')).toContainText('tokens');
  await page.getByRole('button', { name: 'Run', exact: true }).click();
  await expect(page.getByTestId('status')).toContainText('Last run:', { timeout: 60_000 });
  const id = new URL(page.url()).searchParams.get('run');
  expect(id).toBeTruthy();
  return (await request.get(`/api/v1/runs/${id}`)).json();
}

/** A server that does not answer yet: the recording stays on show. Call before the page is opened. */
export async function holdServer(page: Page): Promise<void> {
  await page.route('**/api/v1/**', () => undefined);
}

export function figure(page: Page, name: string): Locator {
  return page.getByTestId(`figure-${name}`);
}

/** Scrolls every figure into view once, so that all have fetched their numbers. */
export async function seeAll(page: Page): Promise<void> {
  for (const name of FIGURES) {
    await figure(page, name).scrollIntoViewIfNeeded();
    await expect(figure(page, name).getByText('Get this data')).toBeVisible();
  }
  await expect(page.getByTestId('query-row')).toBeVisible();
  await expect(page.getByTestId('top-list')).toBeVisible();
  await expect(figure(page, 'lens').getByRole('application')).toBeVisible();
  await expect(figure(page, 'norms').getByRole('application')).toBeVisible();
}

/** A kept comparison of the default model with itself in FP16; made once for all tests of a file. */
export async function comparisonOf(request: APIRequestContext): Promise<ComparisonManifest> {
  const data = { a: { tokens: [1, 17, 42, 8] }, b: { precision: 'fp16' } };
  kept ??= (await request.post('/api/v1/comparisons', { data })).json();
  return kept;
}
let kept: Promise<ComparisonManifest> | undefined;

/** Keeps the engine busy with a comparison over a text of minutes, so that a run waits. Gives what lets go of it. */
export async function holdEngine(base: string): Promise<() => Promise<void>> {
  const text_tokens = Array.from({ length: 1_500_000 }, (_, i) => 3 + (i % 7));
  const response = await fetch(`${base}/api/v1/comparisons`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'text/event-stream' },
    body: JSON.stringify({ a: { precision: 'fp32' }, b: { precision: 'fp16' }, text_tokens }),
  });
  const reader = response.body!.getReader();
  let heard = '';
  while (!heard.includes('event: progress')) heard += new TextDecoder().decode((await reader.read()).value);
  const id = /"id":"([^"]+)"/.exec(heard)![1];
  return async () => {
    await fetch(`${base}/api/v1/comparisons/${id}/cancel`, { method: 'POST' });
    await reader.cancel();
  };
}

const COMPARED = ['firsts', 'divergence', 'cell', 'modules', 'activations', 'say', 'measures', 'text', 'cost'];

/** Scrolls the figures of a comparison into view once. */
export async function seeComparison(page: Page): Promise<void> {
  for (const name of COMPARED) {
    await figure(page, name).scrollIntoViewIfNeeded();
    await expect(figure(page, name).getByText('Get this data')).toBeVisible();
  }
  await expect(figure(page, 'divergence').getByRole('application')).toBeVisible();
  await expect(figure(page, 'cell').getByRole('application')).toHaveCount(3);
}

/** Moves the pointer to a part of an element until the tooltip says what is there: the page may still be moving. */
export async function hoverUntil(page: Page, element: Locator, at: [number, number], said: RegExp): Promise<string> {
  const tip = page.getByRole('tooltip');
  await expect(async () => {
    await element.scrollIntoViewIfNeeded();
    const box = (await element.boundingBox())!;
    await page.mouse.move(box.x + box.width * at[0], box.y + box.height * at[1], { steps: 2 });
    await expect(tip).toContainText(said, { timeout: 500 });
  }).toPass({ timeout: 20_000 });
  return tip.innerText();
}

export async function tableOf(page: Page, name: string): Promise<string[][]> {
  const fig = figure(page, name);
  await fig.getByRole('button', { name: 'As a table' }).click();
  const rows = await fig
    .locator('table:has(thead th:nth-child(4)) tbody tr')
    .evaluateAll((trs) => trs.map((tr) => [...tr.children].map((td) => td.textContent ?? '')));
  await fig.getByRole('button', { name: 'As a table' }).click();
  return rows;
}

export async function values(request: APIRequestContext, run: string, hook: string, slice: string): Promise<number[]> {
  const response = await request.get(`/api/v1/runs/${run}/captures/${hook}?${slice}`, {
    headers: { accept: 'application/json' },
  });
  expect(response.ok()).toBe(true);
  // The JSON has the shortest decimals that mean the same float32.
  return ((await response.json()).values as unknown[]).flat(Infinity).map((v) => Math.fround(v as number));
}

export async function lensOf(request: APIRequestContext, run: string): Promise<Lens> {
  return (await request.post('/api/v1/lens', { data: { run, top: 5 } })).json();
}

export async function normsOf(request: APIRequestContext, run: string): Promise<Norms> {
  return (await request.post('/api/v1/norms', { data: { run } })).json();
}

/** Every number of the trace is the server's, where layer 1, head 2 and token 3 are chosen and all figures were seen. */
export async function showsNumbersOf(page: Page, request: APIRequestContext, run: RunManifest): Promise<void> {
  const ids = await figure(page, 'tokens').locator('.id').allTextContents();
  expect(ids.map(Number)).toEqual(run.tokens.map((t) => t.id));

  const weights = await page
    .getByTestId('query-row')
    .locator('[data-weight]')
    .evaluateAll((e) => e.map((x) => Number((x as HTMLElement).dataset.weight)));
  const row = await values(request, run.id, 'blocks.1.attn.hook_pattern', 'head=2&query=3');
  expect(weights).toHaveLength(4);
  weights.forEach((w, k) => expect(w).toBeCloseTo(row[k], 7));

  const norms = await normsOf(request, run.id);
  const flat = norms.rows.flatMap((r) => r.norms.map((v, pos) => [r.hook, pos, v]));
  const shownNorms = await tableOf(page, 'norms');
  expect(shownNorms.length).toBe(Math.min(200, flat.length));
  shownNorms.forEach((cells, i) => {
    expect([cells[0], Number(cells[1])]).toEqual(flat[i].slice(0, 2));
    expect(Number(cells[3])).toBeCloseTo(flat[i][2] as number, 6);
  });

  const lens = await lensOf(request, run.id);
  const cells = lens.rows.flatMap((r) => r.cells.map((c) => ({ hook: r.hook, ...c })));
  (await tableOf(page, 'lens')).forEach((shown, i) => {
    expect([shown[0], Number(shown[1])]).toEqual([cells[i].hook, cells[i].pos]);
    expect(Number(shown[4])).toBeCloseTo(cells[i].top[0].prob, 6);
    expect(Number(shown[5])).toBe(cells[i].final_token_rank);
  });

  const logits = await values(request, run.id, 'logits', 'pos=3');
  const max = Math.max(...logits);
  const sum = logits.reduce((s, l) => s + Math.exp(l - max), 0);
  const shown = await page
    .getByTestId('top-list')
    .locator('[data-id]')
    .evaluateAll((e) => e.map((x) => [Number((x as HTMLElement).dataset.id), Number((x as HTMLElement).dataset.left)]));
  const expected = logits
    .map((l, id) => [id, Math.exp(l - max) / sum])
    .sort((a, b) => b[1] - a[1])
    .slice(0, shown.length);
  shown.forEach(([id, p], i) => {
    expect(p).toBeCloseTo(Math.exp(logits[id] - max) / sum, 9);
    expect(p).toBeCloseTo(expected[i][1], 9);
  });
  expect(Number(await page.getByTestId('mass').getAttribute('data-mass'))).toBeCloseTo(1, 9);
  await expect(page.getByTestId('mass')).toContainText(new Intl.NumberFormat('en-US').format(run.model.vocab));

  const measured = page.getByTestId('kv-measured');
  expect(Number(await measured.getAttribute('data-bytes'))).toBe(run.kv_cache.bytes);
  const layers = await page
    .getByTestId('kv-layers')
    .locator('[data-bytes]')
    .evaluateAll((e) => e.map((x) => Number((x as HTMLElement).dataset.bytes)));
  expect(layers).toEqual(run.kv_cache.layers);
}

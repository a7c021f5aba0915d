import { readFileSync } from 'node:fs';
import type { ModelDetails } from '../src/api/types';
import { bytes } from '../src/kit/text/format';
import { axe } from './axe';
import {
  comparisonOf,
  defaultModel,
  expect,
  figure,
  hoverUntil,
  runPrompt,
  seeAll,
  seeComparison,
  test,
} from './support';

// Files go to the workers in the order of their names: the last long one would leave a worker without work.
test.describe.configure({ mode: 'parallel' });

const VIEWS = ['/', '/compare', '/corpus', '/training', '/models', '/runs', '/about'];

/** The default model may not say how it was trained: the Training view asks, and says so. */
const NO_CURVE = /404.*\/curve/;

test('the URL restores everything, and runs nothing again', async ({ page, request }) => {
  const run = await runPrompt(page, request, 'new=6&layer=0&head=0');
  await seeAll(page);
  await figure(page, 'tokens').getByRole('option').nth(2).click();
  await page.keyboard.press(']');
  await page.keyboard.press("'");
  await page.getByRole('group', { name: 'Token' }).first().scrollIntoViewIfNeeded();
  await page.locator('aside').getByText('Dark').click();
  await expect(page).toHaveURL(/theme=dark/);
  const url = page.url();
  expect(url).toContain(`run=${run.id}`);
  expect(url).toContain('token=2');
  expect(url).toContain('layer=1');
  expect(url).toContain('head=1');

  const posts: string[] = [];
  page.on('request', (r) => r.method() === 'POST' && posts.push(new URL(r.url()).pathname));
  await page.reload();
  await seeAll(page);
  await expect(figure(page, 'tokens').getByText(`run ${run.id}`)).toBeVisible();
  await expect(page.getByTestId('chosen-token')).toContainText('position 2');
  await expect(figure(page, 'attention')).toContainText('Layer 1, head 1');
  await expect(page.locator('html')).toHaveAttribute('data-theme', 'dark');
  expect(page.url()).toBe(url);
  expect(posts).not.toContain('/api/v1/runs');
});

test('the keyboard is enough', async ({ page, request }) => {
  const run = await runPrompt(page, request, 'new=4&layer=0&head=0');
  await seeAll(page);
  await page.getByTestId('figure-tokens').getByRole('option', { selected: true }).focus();
  await page.keyboard.press('Home');
  await expect(page).toHaveURL(/token=0/);
  await page.keyboard.press('ArrowRight');
  await expect(page).toHaveURL(/token=1/);
  await page.keyboard.press('.');
  await expect(page).toHaveURL(/token=2/);
  await page.keyboard.press(',');
  await expect(page).toHaveURL(/token=1/);

  await figure(page, 'attention').getByRole('gridcell', { selected: true }).focus();
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('ArrowRight');
  await expect(page).toHaveURL(/layer=1&head=1/);
  await expect(figure(page, 'attention').getByRole('gridcell', { selected: true })).toBeFocused();

  const heatmap = figure(page, 'attention').getByRole('application');
  await heatmap.focus();
  await page.keyboard.press('ArrowDown');
  await expect(page.getByRole('tooltip')).toContainText('blocks.1.attn.hook_pattern[0, 1, 2,');
  await page.keyboard.press('Enter');
  await expect(page).toHaveURL(/token=2/);

  await figure(page, 'lens').getByRole('application').focus();
  await page.keyboard.press('ArrowUp');
  await expect(page.getByRole('tooltip')).toContainText('entropy');
  await figure(page, 'norms').getByRole('application').focus();
  await page.keyboard.press('ArrowRight');
  await expect(page.getByRole('tooltip')).toContainText('‖x‖');
  await figure(page, 'distribution').getByRole('application').focus();
  await page.keyboard.press('ArrowRight');
  await expect(page.getByRole('tooltip')).toContainText('logits[0, 2,');

  await page.getByRole('textbox', { name: 'Prompt' }).focus();
  await page.keyboard.press('Enter');
  await expect(page).not.toHaveURL(new RegExp(`run=${run.id}`), { timeout: 30_000 });
});

test('hovering a cell says its value, its coordinates and how it was made', async ({ page, request }) => {
  await runPrompt(page, request, 'new=4');
  await seeAll(page);
  const heatmap = figure(page, 'attention').getByRole('application');
  await hoverUntil(page, heatmap, [0.3, 0.8], /softmax/);
  const tip = page.getByRole('tooltip');
  await expect(tip).toContainText(/blocks\.\d+\.attn\.hook_pattern\[0, \d+, \d+, \d+\]/);
  await expect(tip).toContainText(/\d\u202f%/);
});

test('figures can be taken along as a picture and as a table', async ({ page, request }) => {
  await runPrompt(page, request, 'new=4');
  await seeAll(page);
  for (const name of ['attention', 'lens', 'continuation']) {
    const [png] = await Promise.all([
      page.waitForEvent('download'),
      figure(page, name).getByRole('button', { name: 'Save PNG' }).click(),
    ]);
    expect(png.suggestedFilename()).toBe(`${name}.png`);
    const bytes = readFileSync((await png.path())!);
    expect([...bytes.subarray(1, 4)].map((b) => String.fromCharCode(b)).join('')).toBe('PNG');
    expect(bytes.length).toBeGreaterThan(8_000);
  }
  await figure(page, 'distribution').getByRole('button', { name: 'As a table' }).click();
  const [csv] = await Promise.all([
    page.waitForEvent('download'),
    figure(page, 'distribution').getByRole('button', { name: 'Download all as CSV' }).click(),
  ]);
  const text = readFileSync((await csv.path())!, 'utf8');
  expect(text.split('\n')[0]).toBe('rank,id,text,logit,probability,sampled');
});

test('an address with a run and nothing else shows the run’s own prompt, model and options', async ({
  page,
  request,
}) => {
  const model = await defaultModel(request);
  const reads = model.has_tokenizer ? { prompt: 'The old fox' } : { tokens: [5, 4, 3] };
  const asked = { ...reads, precision: 'fp16', generate: { max_new_tokens: 7, top_k: 3, temperature: 0.5, seed: 11 } };
  const run = await (await request.post('/api/v1/runs', { data: asked })).json();
  const box = page.getByRole('textbox', { name: 'Prompt' });
  const shown = async () => {
    await expect(figure(page, 'tokens').getByText(`run ${run.id}`)).toBeVisible();
    await expect(box).toHaveValue(model.has_tokenizer ? 'The old fox' : '5 4 3');
    await expect(page.getByRole('button', { name: /Generation settings/ })).toContainText('7 new · T 0.5');
    await expect(page.locator('header').getByRole('combobox', { name: 'Precision' })).toHaveValue('fp16');
    await expect(page).toHaveURL(/top_k=3.*seed=11/);
  };
  await page.goto(`/?run=${run.id}`);
  await shown();

  // What the address says stands, and a run opened from the list says it again.
  await box.fill('9 9');
  await expect(page).toHaveURL(/prompt=9(%20|\+)9/);
  await page.reload();
  await expect(box).toHaveValue('9 9');
  await page.getByRole('link', { name: 'Runs', exact: true }).click();
  await page.getByTestId('runs').locator(`a[href*="${run.id}"]`).click();
  await shown();
});

test('stored runs open from the list, and can be deleted', async ({ page, request }) => {
  const run = await runPrompt(page, request, 'new=5');
  await page.getByRole('link', { name: 'Runs', exact: true }).click();
  const link = page.getByTestId('runs').locator(`a[href*="${run.id}"]`);
  await expect(link).toContainText('5 written');
  await link.click();
  await expect(figure(page, 'tokens').getByText(`run ${run.id}`)).toBeVisible();
  await seeAll(page);

  await page.goBack();
  await page.getByRole('button', { name: `Delete run ${run.id}` }).click();
  await expect(link).toHaveCount(0);
  expect((await request.get(`/api/v1/runs/${run.id}`)).status()).toBe(404);
});

test('work that waits is seen in the list of runs, and can be cancelled', async ({ page, request }) => {
  const asked = Array.from({ length: 4 }, () =>
    request.post('/v1/completions', {
      data: { model: 'tales-4m', prompt: 'Once upon a time', max_tokens: 600, ignore_eos: true },
    }),
  );
  const waiting = async () => {
    const { active } = await (await request.get('/api/v1/runs')).json();
    return active.filter((w: { status: string }) => w.status === 'waiting').length;
  };
  await expect.poll(waiting).toBe(asked.length - 1);
  await page.goto('/runs');
  const active = page.getByTestId('active').getByRole('listitem');
  await expect(active.first()).toContainText('running');
  const last = active.filter({ hasText: /waiting behind/ }).last();
  const cancel = last.getByRole('button', { name: /^Cancel/ });
  const id = (await cancel.innerText()).split(' ').at(-1)!;
  await cancel.click();
  await expect(active.filter({ hasText: id })).toHaveCount(0);
  const statuses = (await Promise.all(asked)).map((r) => r.status());
  expect(statuses.filter((s) => s === 200)).toHaveLength(asked.length - 1);
  await expect(page.getByTestId('active')).toHaveCount(0);
});

test('models are listed and opened', async ({ page, request }) => {
  const model = await defaultModel(request);
  await page.goto('/models');
  const row = page
    .getByTestId('models')
    .locator('li', { has: page.getByRole('heading', { name: model.slug, exact: true }) });
  await expect(row).toContainText(`${model.n_layers} layers`);
  await row.getByRole('button').click();
  await expect(page.getByRole('heading', { name: 'One token, all the way through' })).toBeVisible({ timeout: 60_000 });
  const { models } = await (await request.get('/api/v1/models')).json();
  expect(models.find((m: { slug: string }) => m.slug === model.slug).open.length).toBeGreaterThan(0);
  await page.goto('/models');
  // Weights that a file backs hold nothing of the budget; those that onnx packs do.
  const ran = await request.post('/api/v1/runs', { data: { model: 'tales-4m', engine: 'onnx', tokens: [1, 2, 3] } });
  expect(ran.status()).toBe(201);
  const { budget } = await (await request.get('/api/v1/memory')).json();
  await expect(page.getByTestId('memory')).toContainText(bytes(budget));
  const largest = async () => {
    const { holders } = await (await request.get('/api/v1/memory')).json();
    return (await page.getByTestId('memory').getByRole('listitem').first().innerText()).includes(holders[0].name);
  };
  await expect.poll(largest, { timeout: 30_000 }).toBe(true); // the page asks again every three seconds
});

test('a run that is gone is said to be gone', async ({ page, quiet }) => {
  quiet.allow(/404/);
  await page.goto('/?run=20200101-000000-000-abcdef');
  await expect(page.getByRole('alert')).toContainText('20200101-000000-000-abcdef');
  await seeAll(page);
});

test('a full queue and a broken stream are said, with what to do', async ({ page, quiet, request }) => {
  quiet.allow(/429/);
  await runPrompt(page, request, 'new=2');
  await page.route('**/api/v1/runs', (route) =>
    route.fulfill({
      status: 429,
      headers: { 'retry-after': '3', 'content-type': 'application/problem+json' },
      body: JSON.stringify({ title: 'too many runs', status: 429, what: 'too many runs are waiting', found: '16' }),
    }),
  );
  await page.getByRole('button', { name: 'Run', exact: true }).click();
  await expect(page.getByRole('alert')).toContainText('Too many runs are waiting');
  await expect(page.getByRole('alert')).toContainText('come back in 3 s');
  await page.unroute('**/api/v1/runs');
  await page.route('**/api/v1/runs', (route) =>
    route.fulfill({ status: 200, contentType: 'text/event-stream', body: 'event: queued\ndata: {"ahead":0}\n\n' }),
  );
  await page.getByRole('button', { name: 'Run', exact: true }).click();
  await expect(page.getByRole('alert')).toContainText('ended without saying how');
});

test('a model that is not there is said before anything is run', async ({ page, quiet }) => {
  quiet.allow(/404/);
  await page.goto('/?model=no-such-model');
  await expect(page.getByTestId('status')).toContainText('no model no-such-model');
  await expect(page.getByRole('button', { name: 'Run', exact: true })).toBeDisabled();
});

test('a prompt that cannot be run says why before it is sent', async ({ page, request }) => {
  const model = await defaultModel(request);
  const { spec } = (await (await request.get(`/api/v1/models/${model.slug}`)).json()) as ModelDetails;
  await page.goto('/?new=100000');
  await expect(page.getByTestId('prompt-count')).toContainText(`of ${spec.max_context.toLocaleString('en-US')} tokens`);
  await expect(page.getByRole('button', { name: 'Run', exact: true })).toBeEnabled();
  const box = page.getByRole('textbox', { name: 'Prompt' });
  await box.fill('5 '.repeat(spec.max_context) + '5');
  await expect(page.getByTestId('prompt-count')).toContainText('too long');
  await expect(page.getByRole('button', { name: 'Run', exact: true })).toBeDisabled();
  if (model.has_tokenizer) {
    await box.fill('');
    await expect(page.getByTestId('prompt-count')).toContainText('type a prompt');
  } else {
    await expect(page.getByTestId('prompt-count')).toContainText('no tokenizer');
    await box.fill('1 9999999');
    await expect(page.getByTestId('prompt-count')).toContainText('outside the vocabulary');
    await box.fill('one');
    await expect(page.getByTestId('prompt-count')).toContainText('not a token id');
  }
  await expect(page.getByRole('button', { name: 'Run', exact: true })).toBeDisabled();
});

test('the rail names the path in its order', async ({ page }) => {
  await page.setViewportSize({ width: 1366, height: 700 });
  await page.goto('/');
  const rail = page.locator('aside');
  for (const name of ['LLM Inspector', 'Trace', 'Compare', 'Training', 'Models', 'Runs', 'About the data']) {
    await expect(rail.getByRole('link', { name, exact: true })).toBeVisible();
  }
  const numbers = await rail.locator('li .number').allTextContents();
  expect(numbers.map(Number)).toEqual(Array.from({ length: 15 }, (_, i) => i + 1));
  expect(await rail.evaluate((e) => e.scrollHeight - e.clientHeight)).toBeLessThanOrEqual(0);

  await page.goto('/chapters/99-nothing');
  await expect(page.getByRole('heading', { name: 'There is no such chapter' })).toBeVisible();
});

for (const theme of ['light', 'dark']) {
  test(`axe finds nothing in the ${theme} theme`, async ({ page, request, quiet }) => {
    quiet.allow(NO_CURVE);
    const run = await runPrompt(page, request, 'new=6');
    const comparison = await comparisonOf(request);
    for (const view of VIEWS) {
      await page.goto(`${view}?run=${run.id}&comparison=${comparison.id}&theme=${theme}`);
      await page.waitForLoadState('networkidle');
      if (view === '/compare') await seeComparison(page);
      if (view === '/') {
        await seeAll(page);
        await figure(page, 'distribution').getByRole('button', { name: 'As a table' }).click();
        await figure(page, 'attention').getByRole('button', { name: 'Get this data' }).click();
        await page.getByRole('button', { name: /Generation settings/ }).click();
      }
      expect(await axe(page), `${view} ${theme}`).toEqual([]);
    }
  });
}

for (const width of [1400, 1000, 390, 360]) {
  test(`nothing overflows at ${width} pixels`, async ({ page, request, quiet }) => {
    quiet.allow(NO_CURVE);
    await page.setViewportSize({ width, height: 844 });
    const run = await runPrompt(page, request, 'new=12');
    const comparison = await comparisonOf(request);
    for (const view of VIEWS) {
      await page.goto(`${view}?run=${run.id}&comparison=${comparison.id}`);
      if (view === '/') await seeAll(page);
      if (view === '/compare') await seeComparison(page);
      const over = await page.evaluate(() => {
        const wide = [...document.querySelectorAll('main *, header *')].filter(
          (e) =>
            e.getBoundingClientRect().right > window.innerWidth + 1 &&
            !e.closest('.scroller, .scroll, pre, .sr, .grid, textarea'),
        );
        return {
          page: document.documentElement.scrollWidth - window.innerWidth,
          wide: wide.slice(0, 3).map((e) => e.outerHTML.slice(0, 120)),
        };
      });
      expect(over, view).toEqual({ page: 0, wide: [] });
    }
    if (width < 900) {
      const bar = page.getByTestId('bottom-bar');
      for (const name of ['Trace', 'Compare', 'Corpus', 'Training', 'Models', 'Runs']) {
        await bar.getByRole('button', { name, exact: true }).click();
        await expect(bar.getByRole('button', { name, exact: true })).toHaveAttribute('aria-current', 'page');
      }
      await page.getByRole('button', { name: 'Contents' }).click();
      await page.getByRole('dialog').getByRole('link', { name: 'Models' }).click();
      await expect(page.getByRole('heading', { name: 'Models', level: 1 })).toBeVisible();
    }
  });
}

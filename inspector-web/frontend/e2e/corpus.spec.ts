import type { APIRequestContext, Page } from '@playwright/test';
import type { ModelSummary, Sweep, SweepTokens, SweepUnit } from '../src/api/types';
import { axe } from './axe';
import { defaultModel, expect, figure, hoverUntil, test } from './support';

const DOCUMENTS = 6;

/** The default model, or another one that reads texts: a corpus is one. */
async function reader(request: APIRequestContext): Promise<ModelSummary | null> {
  const own = await defaultModel(request);
  if (own.has_tokenizer) return own;
  const { models }: { models: ModelSummary[] } = await (await request.get('/api/v1/models')).json();
  return models.find((m) => m.has_tokenizer && !m.exported && !m.trouble) ?? null;
}

async function ended(request: APIRequestContext, id: string): Promise<Sweep> {
  const job = async () => (await (await request.get(`/api/v1/sweeps/${id}`)).json()) as Sweep;
  await expect.poll(async () => (await job()).state, { timeout: 90_000 }).toBe('finished');
  return job();
}

/** A small sweep with all that figures show; made once for all tests of the file. */
async function sweepOf(request: APIRequestContext, model: string): Promise<Sweep> {
  const data = {
    a: { model },
    corpus: { path: 'tales:held_out', documents: DOCUMENTS },
    window: 64,
    reduce: ['loss', 'moments', 'top', 'histogram', 'heads', 'lens'],
  };
  kept ??= (async () => {
    const begun = (await (await request.post('/api/v1/sweeps', { data })).json()) as Sweep;
    return ended(request, begun.id);
  })();
  return kept;
}
let kept: Promise<Sweep> | undefined;

const idOf = (page: Page) => new URL(page.url()).searchParams.get('sweep')!;
const HOOK = 'blocks.1.mlp.hook_post';
const unitAt = (id: string, unit = 3) => `/corpus?sweep=${id}&hook=${HOOK}&unit=${unit}`;

test('a sweep is begun, watched and read, and its numbers are REST’s', async ({ page, request }) => {
  const model = await reader(request);
  test.skip(model === null, 'no model of this server reads texts');
  await page.goto(`/corpus?model=${model!.slug}`);
  await page.getByLabel('Documents, at most').fill(String(DOCUMENTS));
  await page.getByLabel('Window, tokens').fill('32');
  await page.getByRole('button', { name: 'Begin the sweep' }).click();
  await expect(page).toHaveURL(/sweep=\d{8}-/);
  await expect(page.getByTestId('state')).toHaveText('finished', { timeout: 90_000 });
  const sweep = await ended(request, idOf(page));

  await expect(page.getByTestId('loss')).toHaveAttribute('data-loss', String(sweep.loss!.loss));
  await expect(page.getByRole('heading', { level: 1 })).toContainText(String(Number(sweep.loss!.loss.toPrecision(4))));
  expect(sweep.sweep!.documents).toBe(DOCUMENTS);
  await figure(page, 'loss').getByRole('button', { name: 'As a table' }).click();
  const first = sweep.loss!.positions.findIndex((p) => p !== null);
  const row = figure(page, 'loss').locator('tbody tr').first();
  await expect(row.locator('td').nth(0)).toHaveText(String(first));
  await expect(row.locator('td').nth(1)).toHaveText(String(sweep.loss!.positions[first]));

  const sums = async (name: string) => {
    const path = `/api/v1/sweeps/${sweep.id}/results/heads?name=blocks.1/first_token/${name}`;
    return (await (await request.get(path, { headers: { accept: 'application/json' } })).json()).values as number[];
  };
  const [sum, n] = [await sums('sum'), await sums('count')];
  await figure(page, 'heads').scrollIntoViewIfNeeded();
  await figure(page, 'heads').getByRole('radiogroup', { name: 'Heads by' }).getByText('First token').click();
  await expect(page).toHaveURL(/role=first_token/);
  await figure(page, 'heads').getByRole('button', { name: 'As a table' }).click();
  const cells = await figure(page, 'heads')
    .getByRole('region', { name: 'Table of heads' })
    .locator('tbody tr')
    .evaluateAll((trs) => trs.map((tr) => [...tr.children].map((td) => Number(td.textContent))));
  const best = cells.find(([layer, head]) => layer === 1 && head === 0)!;
  expect(best[3]).toBeCloseTo(sum[0] / n[0], 5);
  const shares = cells.map((c) => c[3]);
  expect(shares).toEqual([...shares].sort((a, b) => b - a));

  await page.getByTestId('leaders').getByRole('link').first().click();
  await expect(page).toHaveURL(/hook=blocks\.\d+\.attn\.hook_result&unit=\d+/);
  await expect(page.getByRole('heading', { level: 1 })).toHaveText(`Head ${cells[0][1]} of layer ${cells[0][0]}`);
  await page.goBack();
  await expect(page.getByTestId('state')).toHaveText('finished');

  await page.getByRole('button', { name: `Delete sweep ${sweep.id}` }).click();
  await page.getByRole('button', { name: `Delete for good sweep ${sweep.id}` }).click();
  await expect(page).toHaveURL(/\/corpus(\?model=[^&]*)?$/);
  expect((await request.get(`/api/v1/sweeps/${sweep.id}`)).status()).toBe(404);
});

test('a neuron’s page shows the token that REST says, and its address keeps it', async ({ page, request }) => {
  const model = await reader(request);
  test.skip(model === null, 'no model of this server reads texts');
  const { id } = await sweepOf(request, model!.slug);
  await page.goto(unitAt(id));
  const unit = (await (await request.get(`/api/v1/sweeps/${id}/units/${HOOK}/3`)).json()) as SweepUnit;
  const shown = async () => {
    await expect(page.getByTestId('high').getByRole('listitem')).toHaveCount(unit.high!.length);
    return page
      .getByTestId('high')
      .getByRole('listitem')
      .evaluateAll((e) => e.map((x) => [Number(x.dataset.value), Number(x.dataset.token)]));
  };
  const said = unit.high!.map((e) => [e.value, e.tokens[e.position].id]);
  expect(await shown()).toEqual(said);
  await expect(page.getByTestId('facts').locator('[data-firing]')).toHaveAttribute('data-firing', String(unit.firing));
  await figure(page, 'histogram').getByRole('button', { name: 'As a table' }).click();
  const counts = await figure(page, 'histogram')
    .locator('tbody tr')
    .evaluateAll((trs) => trs.map((tr) => Number(tr.lastElementChild!.textContent)));
  expect(counts).toEqual(unit.histogram);

  const lit = page.getByTestId('high').getByRole('button').first();
  await hoverUntil(page, lit, [0.5, 0.5], new RegExp(unit.high![0].document));
  const less = (await page.getByTestId('high').getByRole('listitem').first().innerText()).length;
  await lit.click();
  await expect(lit).toHaveAttribute('aria-expanded', 'true');
  expect((await page.getByTestId('high').getByRole('listitem').first().innerText()).length).toBeGreaterThanOrEqual(
    less,
  );

  await page.reload();
  expect(await shown()).toEqual(said);
  await page.getByRole('button', { name: 'Neuron up' }).click();
  await expect(page).toHaveURL(/unit=4/);
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('Neuron 4 of layer 1');
  await page.getByRole('button', { name: 'Layer down' }).click();
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('Neuron 4 of layer 0');
  await page.getByLabel('Hook').selectOption('attn.hook_result');
  await expect(page.getByRole('heading', { level: 1 })).toHaveText(/^Head \d+ of layer 0$/);

  await page.goto(unitAt(id));
  await page.getByTestId('high').getByRole('link').first().click();
  await expect(page).toHaveURL(/\/chapters\/03-neuron\?.*prompt=.*layer=1.*neuron=3/);
});

test('the tokens that cost most are REST’s, together and each, either way, and by how often they come', async ({
  page,
  request,
}) => {
  const model = await reader(request);
  test.skip(model === null, 'no model of this server reads texts');
  const { id, loss } = await sweepOf(request, model!.slug);
  const costly = figure(page, 'costly');
  const told = async (query: string) =>
    (await (await request.get(`/api/v1/sweeps/${id}/tokens?${query}`)).json()) as SweepTokens;
  const shows = async (rest: SweepTokens) => {
    await expect(costly.locator('[data-token]').first()).toHaveAttribute('data-token', String(rest.tokens[0].token.id));
    const rows = await costly
      .locator('[data-token]')
      .evaluateAll((trs) => trs.map((tr) => [tr.dataset.token, tr.dataset.mean, tr.dataset.share].map(Number)));
    expect(rows).toEqual(rest.tokens.map((t) => [t.token.id, t.mean, t.share]));
  };
  await page.goto(`/corpus?sweep=${id}`);
  await costly.scrollIntoViewIfNeeded();
  const all = await told('limit=12');
  expect(all.count).toBe(loss!.tokens);
  expect(all.sum).toBeCloseTo(loss!.loss * loss!.tokens, 6);
  await shows(all);
  await costly.getByText('Each', { exact: true }).click();
  await expect(page).toHaveURL(/by=mean/);
  await shows(await told('by=mean&limit=12'));
  await costly.getByText('what costs least').click();
  await shows(await told('by=mean&order=least&limit=12'));
  const often = costly.getByRole('slider', { name: 'Times, at least' });
  await often.focus();
  await page.keyboard.press('ArrowRight');
  await page.keyboard.press('ArrowRight');
  await expect(page).toHaveURL(/often=5/);
  const frequent = await told('by=mean&order=least&least=5&limit=12');
  await shows(frequent);
  await expect(costly).toContainText(
    `${frequent.frequent} of ${frequent.kinds} different tokens came at least 5 times`,
  );
  await page.reload();
  await costly.scrollIntoViewIfNeeded();
  await shows(frequent);
});

test('experts get what REST says, and each has a page', async ({ page, request }) => {
  const model = 'tiny-mixture';
  const data = {
    a: { model },
    corpus: { path: 'tales:held_out', documents: 4 },
    window: 64,
    reduce: ['router', 'top'],
  };
  const begun = (await (await request.post('/api/v1/sweeps', { data })).json()) as Sweep;
  const sweep = await ended(request, begun.id);
  const load = async (layer: number) => {
    const path = `/api/v1/sweeps/${sweep.id}/results/router?name=blocks.${layer}/load`;
    return (await (await request.get(path, { headers: { accept: 'application/json' } })).json()).values as number[];
  };
  await page.goto(`/corpus?sweep=${sweep.id}`);
  const router = figure(page, 'router');
  await router.scrollIntoViewIfNeeded();
  await router.getByRole('button', { name: 'As a table' }).click();
  const rows = await router
    .getByRole('region', { name: 'Table of router' })
    .locator('tbody tr')
    .evaluateAll((trs) => trs.map((tr) => [...tr.children].map((td) => Number(td.textContent))));
  const layers = [...new Set(rows.map((r) => r[0]))];
  for (const layer of layers) {
    const told = await load(layer);
    const all = told.reduce((a, b) => a + b, 0);
    const shown = rows.filter((r) => r[0] === layer);
    expect(shown.map((r) => r[2])).toEqual(told);
    expect(shown.map((r) => r[3])).toEqual(told.map((n) => n / all));
  }
  const most = rows.reduce((a, b) => (b[3] > a[3] ? b : a));
  await expect(router.getByRole('heading')).toContainText(`expert ${most[1]}`);
  for (const width of [390, 1400]) {
    await page.setViewportSize({ width, height: 900 });
    expect(await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)).toBeLessThanOrEqual(0);
  }
  const map = router.getByRole('application');
  await map.focus();
  await page.keyboard.press('ArrowRight');
  await page.keyboard.press('Enter');
  await expect(page).toHaveURL(/hook=blocks\.\d+\.mlp\.hook_expert_gates&unit=\d+/);
  await expect(page.getByRole('heading', { level: 1 })).toHaveText(/^Expert \d+ of layer \d+$/);
  await request.delete(`/api/v1/sweeps/${sweep.id}`);
});

test('an evaluation shows the accuracies that REST says', async ({ page, request }) => {
  const model = await reader(request);
  test.skip(model === null, 'no model of this server reads texts');
  const data = { a: { model: model!.slug }, corpus: { path: 'tasks.jsonl' }, reduce: ['loglikelihood'] };
  const begun = (await (await request.post('/api/v1/sweeps', { data })).json()) as Sweep;
  const sweep = await ended(request, begun.id);
  const { choices, continuations } = sweep.evaluation!;
  await page.goto(`/corpus?sweep=${sweep.id}`);
  const evaluation = figure(page, 'evaluation');
  await expect(evaluation.locator('[data-share]')).toHaveCount(4);
  const rows = await evaluation
    .locator('[data-share]')
    .evaluateAll((trs) => trs.map((tr) => [tr.dataset.share, Number(tr.dataset.value)]));
  expect(rows).toEqual([
    ['acc', choices!.acc.value],
    ['acc_norm', choices!.acc_norm.value],
    ['acc_bytes', choices!.acc_bytes.value],
    ['greedy', continuations!.greedy.value],
  ]);
  await evaluation.getByRole('button', { name: 'As a table' }).click();
  const first = evaluation.getByRole('region', { name: 'Table of evaluation' }).locator('tbody tr').first();
  await expect(first.locator('td').nth(2)).toHaveText(String(choices!.acc.stderr));
  for (const width of [390, 1400]) {
    await page.setViewportSize({ width, height: 900 });
    expect(await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)).toBeLessThanOrEqual(0);
    expect(await axe(page)).toEqual([]);
  }
  await request.delete(`/api/v1/sweeps/${sweep.id}`);
});

test('a corpus that is not there is refused visibly, and a unit too', async ({ page, request, quiet }) => {
  quiet.allow(/40[04]/);
  const model = await reader(request);
  test.skip(model === null, 'no model of this server reads texts');
  await page.goto(`/corpus?model=${model!.slug}`);
  await page.getByLabel('Corpus', { exact: true }).fill('no-such-texts.txt');
  await page.getByRole('button', { name: 'Begin the sweep' }).click();
  await expect(page.getByRole('alert')).toContainText('There is no such corpus');
  await expect(page.getByRole('alert')).toContainText('no-such-texts.txt');
  const { id } = await sweepOf(request, model!.slug);
  await page.goto(unitAt(id, 999_999));
  await expect(page.getByRole('alert')).toContainText('There is no such unit');
  await page.goto('/corpus?sweep=20200101-000000-000-abcdef');
  await expect(page.getByText('This server has no sweep 20200101-000000-000-abcdef')).toBeVisible();
});

test('a long sweep is stopped, gone on with, and deleted', async ({ page, request }) => {
  const model = await reader(request);
  test.skip(model === null, 'no model of this server reads texts');
  const data = { a: { model: model!.slug }, corpus: { path: 'tales:train', documents: 4000 }, window: 32 };
  const { id } = (await (
    await request.post('/api/v1/sweeps', { data: { ...data, shard_windows: 8 } })
  ).json()) as Sweep;
  await page.goto('/corpus');
  const row = page.getByTestId('sweeps').getByRole('listitem').first();
  await expect(row.getByTestId('progress')).toContainText(/of [\d,]+ parts/);
  await expect(row.getByTestId('progress')).toContainText(/tokens\/s.*left/);
  await expect(page.getByRole('button', { name: 'Begin the sweep' })).toBeDisabled();
  await row.getByRole('button', { name: 'Stop' }).click();
  await expect(row).toContainText(/stopped after [\d,]+ of [\d,]+ parts/);
  await row.getByRole('button', { name: 'Go on' }).click();
  await expect(row).toContainText('running');
  await row.getByRole('button', { name: 'Stop' }).click();
  await expect(row).toContainText('stopped');
  await row.getByRole('button', { name: 'Delete' }).click();
  await row.getByRole('button', { name: 'Keep' }).click();
  await row.getByRole('button', { name: 'Delete' }).click();
  await row.getByRole('button', { name: 'Delete for good' }).click();
  await expect(page.getByText(id)).toHaveCount(0);
  expect((await request.get(`/api/v1/sweeps/${id}`)).status()).toBe(404);
});

for (const scheme of ['light', 'dark'] as const) {
  test(`${scheme}: nothing is wider than the screen, and axe finds nothing`, async ({ page, request }) => {
    const model = await reader(request);
    test.skip(model === null, 'no model of this server reads texts');
    const { id } = await sweepOf(request, model!.slug);
    await page.emulateMedia({ colorScheme: scheme, reducedMotion: 'reduce' });
    for (const [path, there] of [
      ['/corpus', 'sweeps'],
      [`/corpus?sweep=${id}`, 'leaders'],
      [unitAt(id), 'high'],
      [`/corpus?sweep=${id}&hook=blocks.0.attn.hook_result&unit=0`, 'high'],
    ]) {
      await page.setViewportSize({ width: 390, height: 780 });
      await page.goto(path);
      if (there === 'leaders') await figure(page, 'heads').scrollIntoViewIfNeeded();
      await expect(page.getByTestId(there)).toBeVisible();
      if (there === 'leaders') await figure(page, 'units').getByRole('application').scrollIntoViewIfNeeded();
      for (const width of [390, 768, 1400]) {
        await page.setViewportSize({ width, height: width < 800 ? 780 : 1000 });
        await page.evaluate(() => new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn))));
        const over = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
        expect(over, `${path} at ${width} px`).toBeLessThanOrEqual(0);
        if (width !== 768) expect(await axe(page), `${path} at ${width} px`).toEqual([]);
      }
    }
  });
}

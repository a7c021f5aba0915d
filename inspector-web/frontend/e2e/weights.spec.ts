import type { Sweep, TensorEntry, WeightStatistics } from '../src/api/types';
import type { APIRequestContext } from '@playwright/test';
import { defaultModel, expect, figure, test } from './support';

/** A run of a model, for the chapter on quantization to stand on. */
async function runOf(request: APIRequestContext, model: string): Promise<string> {
  const response = await request.post('/api/v1/runs', { data: { model, tokens: [1, 2, 3] }, timeout: 90_000 });
  return (await response.json()).id;
}

test('a weight under a scheme: what the page shows is what the server says', async ({ page, request }) => {
  const model = await defaultModel(request);
  const base = `/api/v1/models/${model.slug}/tensors`;
  const { tensors } = (await (await request.get(base)).json()) as { tensors: TensorEntry[] };
  const matrix = tensors.find((t) => t.weights.includes('blocks.0.attn.o.weight'));
  expect(matrix).toBeTruthy();
  const name = matrix?.name ?? '';

  const run = await runOf(request, model.slug);
  await page.goto(`/chapters/15-quantization?model=${model.slug}&run=${run}&tensor=${name}&scheme=int4-g32-asym`);
  const weight = figure(page, 'weight');
  await weight.scrollIntoViewIfNeeded();
  await expect(weight.getByRole('heading')).toContainText('The codes of');

  const slice = await (
    await request.get(`${base}/${name}?scheme=int4-g32-asym&rows=1&cols=1`, { headers: { accept: 'application/json' } })
  ).json();
  const tip = page.getByRole('tooltip');
  // The heatmap may be drawn anew between two keys; without focus it begins at its corner again.
  await expect(async () => {
    await weight.getByRole('application').blur();
    await weight.getByRole('application').focus();
    await page.keyboard.press('ArrowRight');
    await page.keyboard.press('ArrowDown');
    await expect(tip).toContainText(`${name}[1, 1]`, { timeout: 500 });
  }).toPass({ timeout: 20_000 });
  await expect(tip).toContainText(`codes ${slice.codes[0][0]}`);
  await expect(tip).toContainText('scale × (code − zero point)');

  await weight.getByText('Error', { exact: true }).click();
  await expect(page).toHaveURL(/show=error/);
  await weight.getByRole('button', { name: 'Get this data' }).click();
  await expect(weight).toContainText('scheme=int4-g32-asym');

  const schemes = figure(page, 'schemes');
  await schemes.scrollIntoViewIfNeeded();
  const statistics = (await (await request.get(`${base}/${name}/statistics`)).json()) as WeightStatistics;
  for (const r of statistics.schemes) {
    const row = schemes
      .getByRole('row')
      .filter({ has: page.getByRole('button', { name: r.scheme.name, exact: true }) });
    const lost = r.error?.sqnr_db;
    await expect(row).toContainText(lost === undefined ? 'nothing lost' : `${lost.toFixed(1)} dB`);
  }
  await schemes.getByRole('button', { name: 'nf4', exact: true }).click();
  await expect(page).toHaveURL(/scheme=nf4/);
  await page.reload();
  await figure(page, 'weight').scrollIntoViewIfNeeded();
  await expect(figure(page, 'weight')).toContainText('16 levels of a normal distribution');
  await expect(page.getByRole('combobox', { name: 'Scheme', exact: true })).toHaveValue('nf4');
});

test('a block of a GGUF file, where the model is one', async ({ page, request }) => {
  const { models } = await (await request.get('/api/v1/models')).json();
  for (const { slug } of models as { slug: string }[]) {
    const { tensors = [] } = (await (await request.get(`/api/v1/models/${slug}/tensors`)).json()) as {
      tensors?: TensorEntry[];
    };
    const blocks = tensors.find((t) => t.format.startsWith('Q') && t.shape.length === 2);
    if (!blocks) continue;
    const run = await runOf(request, slug);
    await page.goto(`/chapters/15-quantization?model=${slug}&run=${run}&tensor=${blocks.name}`);
    const weight = figure(page, 'weight');
    await weight.scrollIntoViewIfNeeded();
    await expect(weight.getByRole('application')).toBeVisible();
    // Drawn anew between two keys, the heatmap begins at its corner again.
    await expect(async () => {
      await weight.getByRole('application').focus();
      await page.keyboard.press('ArrowRight');
      await page.keyboard.press('Enter');
      await expect(weight.getByTestId('block')).toContainText(blocks.format, { timeout: 1000 });
    }).toPass({ timeout: 30_000 });
    await expect(weight.getByText('Error', { exact: true })).toHaveCount(0);
  }
});

test('errors are weighted by what the columns read, once a sweep kept it', async ({ page, request, quiet }) => {
  test.setTimeout(180_000);
  quiet.allow(/404/); // before the sweep
  const model = await defaultModel(request);
  test.skip(!model.has_tokenizer, 'a corpus is text');
  const at = `/api/v1/models/${model.slug}/tensors`;
  const { tensors } = (await (await request.get(at)).json()) as { tensors: TensorEntry[] };
  const name = tensors.find((t) => t.weights.includes('blocks.0.attn.o.weight'))!.name;
  const run = await runOf(request, model.slug);
  const there = `/chapters/15-quantization?model=${model.slug}&run=${run}&tensor=${name}`;
  const schemes = figure(page, 'schemes');
  const known = await request.get(`${at}/${name}/statistics?scheme=int4&imatrix=newest`);
  if (known.status() === 404) {
    await page.goto(`${there}&weighted`);
    await schemes.scrollIntoViewIfNeeded();
    await expect(schemes.getByTestId('no-corpus')).toContainText('--reduce imatrix', { timeout: 60_000 });
  }
  const data = { a: { model: model.slug }, corpus: { path: 'tales:held_out', documents: 4 }, window: 32 };
  const begun = await request.post('/api/v1/sweeps', { data: { ...data, reduce: ['imatrix'] } });
  const { id } = (await begun.json()) as Sweep;
  const state = async () => ((await (await request.get(`/api/v1/sweeps/${id}`)).json()) as Sweep).state;
  await expect.poll(state, { timeout: 90_000 }).toBe('finished');

  await page.goto(there);
  await schemes.scrollIntoViewIfNeeded();
  await schemes.getByText('of its outputs over a corpus').click();
  await expect(page).toHaveURL(/weighted/);
  const told = (await (await request.get(`${at}/${name}/statistics?imatrix=newest`)).json()) as WeightStatistics;
  await expect(schemes.getByTestId('weighed-by')).toContainText(`sweep ${id}`, { timeout: 60_000 });
  for (const r of told.schemes) {
    const row = schemes
      .getByRole('row')
      .filter({ has: page.getByRole('button', { name: r.scheme.name, exact: true }) });
    if (r.error?.weighted?.sqnr_db === undefined) continue;
    await expect(row.locator('[data-db]')).toHaveAttribute('data-db', String(r.error.weighted.sqnr_db));
    expect(r.error.weighted.relative).not.toBe(r.error.relative);
  }
  await schemes.getByRole('button', { name: 'Get this data' }).click();
  await expect(schemes).toContainText('imatrix=newest');
  await page.setViewportSize({ width: 390, height: 844 });
  expect(await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)).toBeLessThanOrEqual(0);
  await request.delete(`/api/v1/sweeps/${id}`);
});

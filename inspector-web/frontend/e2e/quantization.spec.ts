import { fits } from './fits';
import { expect, familiesOf, somePrompt, test } from './support';
import type { APIRequestContext, Page } from '@playwright/test';
import type {
  Block,
  Continuations,
  ModelSizes,
  ModelSummary,
  QuantizationReport,
  QuantizedJson,
  RunManifest,
  WeightStatistics,
} from '../src/api/types';

/** Chapter 15 on whatever model the server opens: codes, errors, sizes and texts are REST's; the guess is the runs'. */

const PATH = '/chapters/15-quantization';
const SLOW = { timeout: 90_000 };

async function made(request: APIRequestContext, of?: ModelSummary): Promise<RunManifest> {
  const model = of ?? (await familiesOf(request)).shown[0];
  const text = somePrompt(model);
  const prompt = model.has_tokenizer ? { prompt: text } : { tokens: text.split(' ').map(Number) };
  const response = await request.post('/api/v1/runs', {
    data: { model: model.slug, ...prompt, capture: ['logits'] },
    ...SLOW,
  });
  expect(response.ok()).toBe(true);
  return response.json();
}

async function get<A>(request: APIRequestContext, path: string): Promise<A> {
  const response = await request.get(`/api/v1${path}`, { headers: { accept: 'application/json' }, ...SLOW });
  expect(response.ok(), path).toBe(true);
  return response.json();
}

async function says(request: APIRequestContext, run: RunManifest, scheme: string | null): Promise<number[]> {
  const data = {
    n: 1,
    request: {
      model: run.model.slug,
      engine: 'torch',
      tokens: run.tokens.slice(0, run.prompt_length).map((t) => t.id),
      ...(scheme ? { precision_plan: { simulate: [{ modules: '*', scheme }] } } : {}),
      generate: { max_new_tokens: 24, greedy: true },
    },
  };
  const made: Continuations = await (await request.post('/api/v1/continuations', { data, ...SLOW })).json();
  return made.continuations[0].tokens.map((t) => t.id);
}

function parting(a: number[], b: number[]): number | null {
  const at = a.findIndex((id, i) => id !== b[i]);
  return at >= 0 ? at : a.length === b.length ? null : a.length;
}

async function open(page: Page, run: RunManifest, more = ''): Promise<void> {
  await page.goto(`${PATH}?model=${run.model.slug}&run=${run.id}${more}`);
  await expect(page.getByTestId('figure-fewer').getByText('Get this data')).toBeVisible(SLOW);
}

const attribute = async (page: Page, where: string, name: string) =>
  Number(await page.getByTestId(where).locator(`[data-${name}]`).first().getAttribute(`data-${name}`));

test('its codes, error, size and text are the server’s at 8, 4 and 2 bits, on every model', async ({
  page,
  request,
}) => {
  const { shown } = await familiesOf(request);
  test.setTimeout(150_000 * shown.length);
  for (const model of shown) {
    const run = await made(request, model);
    const slug = model.slug;
    const report = await get<QuantizationReport>(request, `/models/${slug}/quantization?scheme=int4-g32`);
    const worst = report.weights.find((w) => w.quantized && w.name.startsWith('blocks.'))!;
    const asItIs = await says(request, run, null);
    await open(page, run, '&kept&bits=8');
    await expect(page.getByTestId('which')).toContainText(worst.name.replace('.weight', ''), SLOW);
    for (const bits of [8, 4, 2]) {
      const scheme = `int${bits}-g32`;
      await page.getByRole('slider', { name: 'Bits per code' }).fill(String(bits));
      await expect(page.getByTestId('codes')).toHaveAttribute('data-scheme', scheme, SLOW);
      await expect(page.getByTestId('facts')).toHaveAttribute('data-scheme', scheme);
      const [sizes, statistics] = await Promise.all([
        get<ModelSizes>(request, `/models/${slug}/sizes?scheme=${scheme}`),
        get<WeightStatistics>(request, `/models/${slug}/tensors/${worst.name}/statistics?scheme=${scheme}`),
      ]);
      expect(await attribute(page, 'facts', 'bytes')).toBe(sizes.schemes[0].bytes);
      expect(await attribute(page, 'facts', 'sqnr')).toBe(statistics.schemes[0].error!.sqnr_db);

      const where = await page.getByTestId('cell').locator('.mono').first().innerText();
      const [output, input] = [...where.matchAll(/\d+/g)].map(Number);
      const slice = await get<QuantizedJson>(
        request,
        `/models/${slug}/tensors/${worst.name}?scheme=${scheme}&rows=${output}&cols=${input}`,
      );
      expect(await attribute(page, 'cell', 'code')).toBe((slice.codes as number[][])[0][0]);
      expect(await attribute(page, 'cell', 'decoded')).toBe((slice.decoded as number[][])[0][0]);
      expect(await attribute(page, 'cell', 'error')).toBe((slice.error as number[][])[0][0]);

      const at = parting(asItIs, await says(request, run, scheme));
      await expect(page.getByTestId('texts')).toHaveAttribute('data-parting', String(at ?? 'none'), SLOW);
    }
    expect(new URL(page.url()).searchParams.get('bits')).toBe('2');
  }
});

test('who shares a scale, outliers, other schemes and 8 to 2 bits: each is what the server says', async ({
  page,
  request,
}) => {
  test.setTimeout(240_000);
  const run = await made(request);
  const slug = run.model.slug;
  await open(page, run, '&kept&panel=ruler&bits=4');
  await expect(page.getByTestId('ruler').locator('[data-share]')).toHaveCount(3, SLOW);
  const scales = await page
    .getByTestId('ruler')
    .locator('[data-share]')
    .evaluateAll((all) => all.map((e) => Number(e.getAttribute('data-scale'))));
  expect(scales[0], 'the matrix’s scale reaches furthest').toBeGreaterThanOrEqual(scales[1]);
  expect(scales[1]).toBeGreaterThanOrEqual(scales[2]);

  await page.getByText('4 bits, other schemes', { exact: true }).click();
  const rows = page.getByTestId('same').locator('tbody tr');
  await expect(rows).toHaveCount(7, SLOW);
  const name = await page.getByRole('combobox', { name: 'Matrix' }).inputValue();
  for (const row of await rows.all()) {
    const scheme = await row.getAttribute('data-scheme');
    const told = await get<WeightStatistics>(request, `/models/${slug}/tensors/${name}/statistics?scheme=${scheme}`);
    expect(Number(await row.getAttribute('data-sqnr'))).toBe(told.schemes[0].error!.sqnr_db);
    const sizes = await get<ModelSizes>(request, `/models/${slug}/sizes?scheme=${scheme}`);
    expect(Number(await row.getAttribute('data-bytes'))).toBe(sizes.schemes[0].bytes);
  }

  await page.getByText('Outliers', { exact: true }).click();
  const layers = page.getByTestId('outliers').locator('[data-hook]');
  await expect(layers).toHaveCount(2 * run.model.n_layers, SLOW);
  for (const layer of await layers.all()) {
    const hook = await layer.getAttribute('data-hook');
    const told = await get<WeightStatistics>(request, `/runs/${run.id}/captures/${hook}/statistics?scheme=int8-tensor`);
    expect(Number(await layer.getAttribute('data-ratio'))).toBe(told.columns.largest[0].ratio);
  }

  await page.getByText('8 to 2 bits', { exact: true }).click();
  const bits = page.getByTestId('bits').locator('[data-bits]');
  await expect(bits).toHaveCount(7, SLOW);
  for (const b of await bits.all()) await expect(b).not.toHaveAttribute('data-parting', 'pending', SLOW);
  const sizes = await bits.evaluateAll((all) => all.map((e) => Number(e.getAttribute('data-bytes'))));
  expect(sizes).toEqual([...sizes].sort((a, b) => b - a));
  await bits.nth(5).click();
  await expect(page).toHaveURL(/bits=3/);
});

test('a GGUF shows the file’s own blocks, and an exported graph says why it cannot', async ({ page, request }) => {
  test.setTimeout(200_000);
  const { shown: all, exported } = await familiesOf(request);
  const gguf = all.find((m) => m.slug === 'tiny64-Q4_0');
  if (gguf) {
    const run = await made(request, gguf);
    await open(page, run, '&kept&panel=blocks&output=1&input=40');
    const shown = page.getByTestId('block');
    await expect(shown).toBeVisible(SLOW);
    const report = await get<QuantizationReport>(request, `/models/${gguf.slug}/quantization?scheme=int4-g32`);
    const worst = report.weights.find((w) => w.quantized && w.name.startsWith('blocks.'))!;
    const block = await get<Block>(request, `/models/${gguf.slug}/tensors/${worst.tensor}/block?row=1&col=40`);
    const codes = await shown.locator('.codes span').allInnerTexts();
    expect(codes.map(Number)).toEqual(block.codes);
  }
  for (const model of exported) {
    const run = await made(request, model);
    await page.goto(`${PATH}?model=${run.model.slug}&run=${run.id}`);
    await expect(page.getByTestId('cannot')).toContainText('exported elsewhere', SLOW);
  }
});

test('a guess is checked against the runs, the words move the figure, and the pair is carried to Compare', async ({
  page,
  request,
}) => {
  test.setTimeout(240_000);
  const run = await made(request);
  const asItIs = await says(request, run, null);
  let first: number | null = null;
  for (let bits = 8; bits >= 2 && first === null; bits--) {
    if (parting(asItIs, await says(request, run, `int${bits}-g32`)) !== null) first = bits;
  }
  await open(page, run);
  const guess = page.getByTestId('guess');
  await guess.evaluate((e) => e.scrollIntoView({ block: 'center' }));
  await expect(page.getByTestId('figure-fewer').locator('h3')).toContainText('At how many bits', SLOW);
  await page.getByRole('group', { name: 'Bits' }).getByRole('button', { name: '2 bits' }).click();
  await expect(guess.getByTestId('guess-bits')).toHaveAttribute('data-bits', String(first ?? 0), SLOW);

  const to = (heading: RegExp) =>
    page.getByRole('heading', { name: heading }).evaluate((e) => e.scrollIntoView({ block: 'center' }));
  await to(/^Who shares/);
  await expect(page.getByTestId('ruler')).toBeVisible(SLOW);
  await to(/^Outliers/);
  await expect(page.getByTestId('outliers')).toBeVisible(SLOW);
  await to(/^From 8 to 2/);
  await expect(page.getByTestId('bits')).toBeVisible(SLOW);
  await page.getByTestId('to-compare').click();
  await expect(page).toHaveURL(/\/compare/);
  await expect(page.getByTestId('simulated')).toContainText('int4-g32', SLOW);
  await page.getByRole('button', { name: 'Compare', exact: true }).click();
  await expect(page.getByText(/int4-g32 simulated/).first()).toBeVisible(SLOW);
});

fits(
  [360, 768, 1400, 2560],
  [
    ['light', 'codes'],
    ['dark', 'ruler'],
    ['light', 'outliers'],
    ['dark', 'same'],
    ['light', 'bits'],
  ],
  (request) => made(request),
  async (page, run, panel) => {
    await open(page, run, `&kept&panel=${panel}`);
    await expect(page.getByTestId(panel)).toBeVisible(SLOW);
  },
);

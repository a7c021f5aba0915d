import { readFileSync } from 'node:fs';
import type { APIRequestContext, Page } from '@playwright/test';
import type { AnalysisRequest, HeadEffects, ModelSummary } from '../src/api/types';
import type { Analysis } from '../src/views/lab/paired';
import type { GraphFile } from '../src/views/lab/circuit/circuitTracer';
import { axe } from './axe';
import { defaultModel, expect, figure, hoverUntil, tableOf, test } from './support';

/** Two prompts that differ at one position, as the Lab's fields have them: text, or ids where there is no tokenizer. */
function pairOf(model: ModelSummary): { clean: string; corrupt: string } {
  if (!model.has_tokenizer) return { clean: '5 1 7 2 9', corrupt: '5 1 8 2 9' };
  return { clean: 'Mia gave a red ball to Ben. "Thank you,', corrupt: 'Ben gave a red ball to Mia. "Thank you,' };
}

/** A prompt as a request says it. */
const said = (model: ModelSummary, text: string) =>
  model.has_tokenizer ? { prompt: text } : { tokens: text.split(' ').map(Number) };

function address(model: ModelSummary, more: Record<string, string> = {}): string {
  return `/lab?${new URLSearchParams({ model: model.slug, ...pairOf(model), ...more })}`;
}

/** The analysis that a figure's provenance names, as the server keeps it. */
async function shown(page: Page, request: APIRequestContext, name: string): Promise<Analysis> {
  await expect(figure(page, name)).toBeVisible({ timeout: 60_000 });
  const id = /analysis (\d{8}-\d{6}-\d{3}-[0-9a-f]+)/.exec(await figure(page, name).innerText())![1];
  return (await request.get(`/api/v1/analyses/${id}`)).json();
}

/** Layer and column of the largest share of a grid. */
function largest(a: Analysis, point: string): { layer: number; column: number; effect: number } {
  const s = a.scores.find((x) => x.point === point)!;
  const effects = s.effects!.map((e) => e ?? -Infinity);
  const best = effects.indexOf(Math.max(...effects));
  const [row, col] = [Math.floor(best / s.shape[1]), best % s.shape[1]];
  return { layer: s.layers[row], column: s.positions?.[col] ?? col, effect: effects[best] };
}

test('patching runs unasked, and its sentence, table and tooltip are REST’s', async ({ page, request }) => {
  const model = await defaultModel(request);
  await page.goto(address(model));
  const a = await shown(page, request, 'patch');
  expect(a.request.kind).toBe('patch');
  expect(a.clean.model).toBe(model.slug);
  await expect(page.getByTestId('metric')).toHaveAttribute('data-clean', String(a.metric.clean));
  await expect(page.getByTestId('metric')).toHaveAttribute('data-corrupt', String(a.metric.corrupt));
  const differ = a.clean.tokens.filter((t, i) => t.id !== a.corrupt.tokens[i].id).length;
  await expect(page.getByTestId('pair').locator('li.differs')).toHaveCount(differ);

  const says = figure(page, 'patch').locator('[data-says="patch"]');
  for (const [point, words] of [
    ['hook_attn_out', 'What attention adds'],
    ['hook_mlp_out', 'What the MLP adds'],
  ]) {
    const { layer, column } = largest(a, point);
    await expect(says).toContainText(`${words} brings back most at layer ${layer}, position ${column}, `);
  }
  await expect(page.getByTestId('checks')).toHaveAttribute(
    'data-held',
    String(a.invariants.filter((c) => c.holds).length),
  );
  await expect(page.getByTestId('checks')).toContainText(a.convention);

  const rows = await tableOf(page, 'patch');
  const s = a.scores.find((x) => x.point === 'hook_resid_pre')!;
  for (const [row, col] of [
    [0, 0],
    [s.shape[0] - 1, s.shape[1] - 1],
  ]) {
    const i = row * s.shape[1] + col;
    const at = rows.find(
      (r) => r[0] === s.point && r[1] === String(s.layers[row]) && r[2] === String(s.positions![col]),
    )!;
    expect(at.slice(-2).map(Number)).toEqual([s.effects![i], s.values[i]]);
  }
  const map = figure(page, 'patch').getByRole('application').first();
  await hoverUntil(page, map, [0.5, 0.8], /Layer \d+, position \d+/);
  expect(await page.getByRole('tooltip').innerText()).toContain('share of the difference');
});

test('what was analysed before is not run again, and a kept analysis has an address', async ({ page, request }) => {
  const model = await defaultModel(request);
  await page.goto(address(model, { places: 'heads' }));
  const a = await shown(page, request, 'patch');
  expect(a.request).toMatchObject({ points: ['attn.hook_z'], by: 'head' });
  const { layer, column } = largest(a, 'attn.hook_z');
  await expect(figure(page, 'patch').getByRole('heading')).toContainText([`Head ${column} of layer ${layer}`]);
  let posted = 0;
  page.on('request', (r) => {
    if (r.method() === 'POST' && r.url().endsWith('/analyses')) posted++;
  });
  await page.reload();
  expect((await shown(page, request, 'patch')).id).toBe(a.id);
  expect(posted).toBe(0);

  const noised: AnalysisRequest = { ...a.request, direction: 'noise' };
  const kept = (await (await request.post('/api/v1/analyses', { data: noised })).json()) as Analysis;
  await page.goto(`/lab?analysis=${kept.id}`);
  expect((await shown(page, request, 'patch')).id).toBe(kept.id);
  await expect(page.getByRole('radio', { name: 'corrupt into clean' })).toBeChecked();
  await expect(page.getByRole('textbox', { name: 'Clean' })).toHaveValue(pairOf(model).clean);
  await page.getByText('clean into corrupt').click();
  await expect(page).not.toHaveURL(/analysis=/);
  await expect.poll(async () => (await shown(page, request, 'patch')).id).toBe(a.id);
  await request.delete(`/api/v1/analyses/${kept.id}`);
});

test('the circuit’s title, slider and parts are REST’s', async ({ page, request }) => {
  const model = await defaultModel(request);
  await page.goto(address(model, { lab: 'circuit' }));
  const { graph } = await shown(page, request, 'circuit');
  const fig = figure(page, 'circuit');
  const sizes = [...graph!.faithfulness].sort((x, y) => y.edges - x.edges);
  const short = sizes.findIndex((s) => s.faithfulness < 0.9);
  const best = short < 0 ? sizes.at(-1)! : sizes[short - 1];
  if (best) await expect(fig.getByRole('heading').first()).toContainText(`${best.edges.toLocaleString('en')} of `);
  else await expect(fig.getByRole('heading').first()).toContainText('No circuit');
  const top = graph!.nodes.reduce((x, y) => (Math.abs(y.score) > Math.abs(x.score) ? y : x));
  await expect(page.getByTestId('nodes').locator('tbody tr').first()).toContainText(top.name);
  await fig.getByRole('slider').fill('1');
  await expect(page).toHaveURL(/edges=1/);
  await expect(page.getByTestId('drawn')).toContainText('1 edge drawn');
  const drawing = fig.getByRole('application').first();
  await drawing.focus();
  await page.keyboard.press('ArrowRight');
  await expect(page.getByRole('tooltip')).toContainText(`${graph!.edges[0].from}->${graph!.edges[0].to}`);
  const rows = await tableOf(page, 'circuit');
  expect(rows.map((r) => Number(r[2]))).toEqual(graph!.edges.map((e) => e.score));
});

test('a circuit’s parts are pinned and named in the address, and go into its file', async ({ page, request }) => {
  const model = await defaultModel(request);
  await page.goto(address(model, { lab: 'circuit' }));
  const { graph } = await shown(page, request, 'circuit');
  const fig = figure(page, 'circuit');
  const first = page.getByTestId('nodes').locator('tbody tr').first();
  const part = (await first.locator('.mono').first().innerText()).trim();
  await first.getByRole('button', { name: 'Pin' }).click();
  await first.getByRole('textbox').fill('mine');
  await first.getByRole('textbox').press('Enter');
  await expect(page).toHaveURL(new RegExp(`pins=${part}(%7E|~)mine`));
  await fig.getByRole('slider').fill('2');
  const [file] = await Promise.all([
    page.waitForEvent('download'),
    fig.getByRole('button', { name: 'Download for circuit-tracer' }).click(),
  ]);
  const saved = JSON.parse(readFileSync(await file.path(), 'utf8')) as GraphFile;
  expect(saved.links.reduce((sum, l) => sum + l.weight, 0)).toBeCloseTo(graph!.edges[0].score + graph!.edges[1].score);
  const pinned = saved.nodes.find((n) => n.node_id === saved.qParams.pinnedIds[0]);
  if (pinned) expect(pinned.clerp).toContain('mine');
  await page.reload();
  await expect(page.getByTestId('nodes').getByRole('textbox')).toHaveValue('mine');
});

test('the parts of a logit are REST’s and sum to it', async ({ page, request }) => {
  const model = await defaultModel(request);
  await page.goto(address(model, { lab: 'parts' }));
  await expect(figure(page, 'parts')).toBeVisible({ timeout: 60_000 });
  const of = async () => {
    const id = /run (\d{8}-\d{6}-\d{3}-[0-9a-f]+)/.exec(await figure(page, 'parts').innerText())![1];
    await figure(page, 'parts').getByRole('button', { name: 'Get this data' }).click();
    const curl = await figure(page, 'parts').locator('pre, code').first().innerText();
    const data = JSON.parse(/-d '(.*)'/s.exec(curl)![1]) as { run: string };
    expect(data.run).toBe(id);
    return (await (await request.post('/api/v1/heads/effects', { data })).json()) as HeadEffects;
  };
  const effects = await of();
  const sum = page.getByTestId('parts-sum');
  await expect(sum).toHaveAttribute('data-sum', String(effects.sum));
  await expect(sum).toHaveAttribute('data-logit', String(effects.logit));
  expect(Math.abs(effects.sum - effects.logit)).toBeLessThan(1e-3);
  const rows = await tableOf(page, 'parts');
  expect(rows.map((r) => Number(r.at(-1)))).toEqual(effects.parts.map((p) => p.effect));
  const chart = figure(page, 'parts').getByRole('application').first();
  await chart.focus();
  await page.keyboard.press('ArrowRight');
  await expect(page.getByRole('tooltip')).toContainText('sum with it');
  await figure(page, 'parts').getByText('from input to output').click();
  await expect(page).toHaveURL(/parts_by=flow/);
  await figure(page, 'parts').getByText('corrupt', { exact: true }).click();
  await expect(sum).not.toHaveAttribute('data-sum', String(effects.sum));
});

test('what cannot be taken apart is refused in the server’s words', async ({ page, request, quiet }) => {
  quiet.allow(/422|400/);
  const { models } = (await (await request.get('/api/v1/models')).json()) as { models: ModelSummary[] };
  const forms = models.find((m) => m.slug === 'tiny-gemma3n');
  test.skip(!forms, 'a server without a model of several streams');
  await page.goto(`/lab?${new URLSearchParams({ model: forms!.slug, lab: 'parts', clean: '5 1 7 2 9' })}`);
  await expect(page.getByRole('alert')).toBeVisible({ timeout: 60_000 });
  const run = await (
    await request.post('/api/v1/runs', { data: { model: forms!.slug, tokens: [5, 1, 7, 2, 9] } })
  ).json();
  const refused = await request.post('/api/v1/heads/effects', { data: { run: run.id } });
  expect(refused.ok()).toBe(false);
  const { what } = (await refused.json()) as { what: string };
  await expect(page.getByRole('alert')).toContainText(new RegExp(what.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'), 'i'));
});

test('the number that measures the answer is chosen on the page, and a wrong one refused', async ({
  page,
  request,
  quiet,
}) => {
  quiet.allow(/422|400/);
  const model = await defaultModel(request);
  await page.goto(address(model));
  await shown(page, request, 'patch');
  await page.getByText('What measures the answer').click();
  const measure = page.getByTestId('measure');
  await measure.getByRole('combobox', { name: 'Number' }).selectOption('nll');
  await expect(page).toHaveURL(/measure=nll/);
  await expect.poll(async () => (await shown(page, request, 'patch')).metric.name).toBe('nll');
  await measure.getByRole('textbox', { name: 'Position' }).fill('-2');
  await measure.getByRole('textbox', { name: 'Position' }).press('Enter');
  await expect(page).toHaveURL(/reads=-2/);
  const length = (await shown(page, request, 'patch')).clean.tokens.length;
  await expect.poll(async () => (await shown(page, request, 'patch')).metric.pos).toBe(length - 2);

  const bad = model.has_tokenizer ? 'two words' : '99999999';
  await measure.getByRole('textbox', { name: 'Answers' }).fill(bad);
  await measure.getByRole('textbox', { name: 'Answers' }).press('Enter');
  await expect(page.getByRole('alert')).toContainText(model.has_tokenizer ? 'one token' : 'vocabulary');
  await measure.getByRole('button', { name: 'As the server chooses' }).click();
  await expect(page.getByRole('alert')).toHaveCount(0);
  await expect(page).not.toHaveURL(/measure=|answers=|reads=/);
});

test('estimates are REST’s, beside the best of them measured', async ({ page, request }) => {
  const model = await defaultModel(request);
  await page.goto(address(model));
  await shown(page, request, 'patch');
  await page.getByText('estimated by one backward pass').click();
  await expect.poll(async () => (await shown(page, request, 'patch')).request.kind).toBe('attribution');
  const a = await shown(page, request, 'patch');
  await expect(figure(page, 'patch').getByRole('heading').first()).toContainText('By the estimate');
  await expect(page.getByTestId('best').locator('tbody tr')).toHaveCount(a.measured!.length);
  await expect(page.getByTestId('spearman')).toHaveText(a.correlation!.toFixed(2).replace('-', '−'));
  // The table's first row is the uppermost layer's first position.
  const { point, shape, values } = a.scores[0];
  const [row] = await tableOf(page, 'patch');
  expect(row[0]).toBe(point);
  expect(Number(row.at(-1))).toBeCloseTo(values[(shape[0] - 1) * shape[1]]! + a.metric.corrupt, 4);
});

test('cells are given together by keyboard, with what was tried, undo and the paths of the change', async ({
  page,
  request,
}) => {
  const model = await defaultModel(request);
  await page.goto(address(model));
  const a = await shown(page, request, 'patch');
  const map = figure(page, 'patch').getByRole('application').nth(1);
  await map.focus();
  await page.keyboard.press('End');
  await page.keyboard.press('Enter');
  await expect(figure(page, 'set').getByRole('heading').first()).toContainText('1 place together');
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('Shift+ArrowLeft');
  await page.keyboard.press('Enter');
  await expect(page).toHaveURL(/set=[^&]*%40/);
  const title = figure(page, 'set').getByRole('heading').first();
  await expect(title).toContainText('3 places together');
  const set = await shown(page, request, 'set');
  const [top, below] = [a.scores[0].layers.at(-1)!, a.scores[0].layers.at(-2)!];
  const last = a.clean.tokens.length - 1;
  expect(set.request.cells).toEqual([
    { hook: `blocks.${below}.hook_attn_out`, positions: [last - 1, last] },
    { hook: `blocks.${top}.hook_attn_out`, positions: [last] },
  ]);
  await expect(title).toContainText(`${(100 * set.rows!.effect).toFixed(0).replace(/^-?0$/, '')}`);

  await figure(page, 'set').getByText('the logits').click();
  const paths = await shown(page, request, 'paths');
  expect(paths.request.kind).toBe('path');
  await expect(page.getByTestId('paths').locator('li')).toHaveCount(paths.paths!.length);
  await figure(page, 'set').getByText('values', { exact: true }).click();
  await expect.poll(async () => (await shown(page, request, 'paths')).paths!.length).toBeGreaterThan(1);

  await page.getByText('2 sets tried').click();
  await expect(page.getByTestId('tried').locator('li')).toHaveCount(2);
  await figure(page, 'set').getByRole('button', { name: 'Undo' }).click();
  await expect(title).toContainText('1 place together');
  await figure(page, 'set').getByRole('button', { name: 'Let all go' }).click();
  await expect(figure(page, 'set')).toHaveCount(0);

  // With the mouse a rectangle of them.
  const box = (await map.boundingBox())!;
  await page.mouse.move(box.x + 0.6 * box.width, box.y + 0.6 * box.height);
  await page.mouse.down();
  await page.mouse.move(box.x + 0.8 * box.width, box.y + 0.95 * box.height, { steps: 4 });
  await page.mouse.up();
  await expect(title).toContainText('places together');
  const dragged = await shown(page, request, 'set');
  const { cells } = dragged.request;
  expect(cells!.every((c) => c.positions!.length === cells![0].positions!.length)).toBe(true);
  expect(cells![0].positions!.length).toBeGreaterThan(1);
});

test('a chapter leads to the parts of the logit that it shows', async ({ page, request }) => {
  const { models } = (await (await request.get('/api/v1/models')).json()) as { models: ModelSummary[] };
  test.skip(!models.some((m) => m.slug === 'tales-4m'), 'a server without a model that is asked in plain text');
  await page.goto('/chapters/05-logits-sampling?model=tales-4m');
  await expect(page.getByTestId('status')).toContainText('Live run:', { timeout: 60_000 });
  await page.getByTestId('to-lab').click();
  await expect(page).toHaveURL(/\/lab\?.*lab=parts/);
  await expect(figure(page, 'parts')).toBeVisible({ timeout: 60_000 });
  const clean = new URL(page.url()).searchParams.get('clean')!;
  await expect(page.getByRole('textbox', { name: 'Clean' })).toHaveValue(clean);
});

test('what mends a quantized model is REST’s, at each precision', async ({ page, request }) => {
  const model = await defaultModel(request);
  await page.goto(address(model, { lab: 'restore' }));
  let last = '';
  for (const [precision, label] of [
    ['int8', 'INT8'],
    ['int4_32', 'INT4, blocks of 32'],
  ]) {
    await page.getByRole('radiogroup', { name: 'Quantized to' }).getByText(label).click();
    await expect.poll(async () => (await shown(page, request, 'restore')).id).not.toBe(last);
    const a = await shown(page, request, 'restore');
    last = a.id;
    expect(a.corrupt.engine.precision).toBe(precision);
    const title = figure(page, 'restore').getByRole('heading').first();
    for (const place of a.restored!.places) {
      await expect(title).toContainText(`of layer ${/^blocks\.(\d+)\./.exec(place)![1]}`);
    }
    if (!a.restored!.mended) await expect(title).toContainText('All values given back together');
    await figure(page, 'restore').getByRole('button', { name: 'As a table' }).click();
    const shares = await figure(page, 'restore')
      .locator('tbody tr')
      .evaluateAll((trs) => trs.map((tr) => Number(tr.children[1].textContent)));
    expect(shares).toEqual(a.scores.flatMap((s) => s.effects!));
    await figure(page, 'restore').getByRole('button', { name: 'As a table' }).click();
  }
});

test('prompts of unequal length are refused in a sentence before anything is run', async ({ page, request }) => {
  const model = await defaultModel(request);
  await page.goto(address(model));
  await shown(page, request, 'patch');
  let posted = 0;
  page.on('request', (r) => {
    if (r.method() === 'POST' && r.url().endsWith('/analyses')) posted++;
  });
  const corrupt = page.getByRole('textbox', { name: 'Corrupt' });
  await corrupt.fill(`${pairOf(model).corrupt}${model.has_tokenizer ? ' Ben' : ' 3'}`);
  await expect(page.getByTestId('wrong')).toContainText(/The clean prompt has \d+ tokens, the corrupt one \d+/);
  await expect(page.getByRole('button', { name: 'Find what causes it' })).toBeDisabled();
  await corrupt.fill(pairOf(model).clean);
  await expect(page.getByTestId('wrong')).toContainText('The prompts are the same');
  await page.getByRole('button', { name: 'As it was' }).click();
  await expect(page.getByTestId('wrong')).toHaveCount(0);
  expect(posted).toBe(0);
});

test('what an engine cannot do is said by the server’s problem', async ({ page, request, quiet }) => {
  quiet.allow(/422|400/);
  const model = await defaultModel(request);
  await page.goto(address(model, { lab: 'circuit', engine: 'onnx' }));
  const data = {
    kind: 'edges',
    clean: { model: model.slug, engine: 'onnx', ...said(model, pairOf(model).clean) },
    corrupt: said(model, pairOf(model).corrupt),
  };
  const refused = await request.post('/api/v1/analyses', { data });
  expect(refused.ok()).toBe(false);
  const { what } = (await refused.json()) as { what: string };
  await expect(page.getByRole('alert')).toContainText(new RegExp(what.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'), 'i'));
});

for (const scheme of ['light', 'dark'] as const) {
  test(`${scheme}: nothing is wider than the screen, and axe finds nothing`, async ({ page, request }) => {
    const model = await defaultModel(request);
    await page.emulateMedia({ colorScheme: scheme, reducedMotion: 'reduce' });
    const set = '1.hook_attn_out@2.3';
    for (const [tab, name, more] of [
      ['patch', 'patch', {}],
      ['patch', 'paths', { set, through: 'v' }],
      ['patch', 'patch', { how: 'estimated', measure: 'nll' }],
      ['parts', 'parts', {}],
      ['circuit', 'circuit', { pins: 'm0~first|input' }],
      ['restore', 'restore', {}],
    ] as [string, string, Record<string, string>][]) {
      await page.setViewportSize({ width: 390, height: 780 });
      await page.goto(address(model, { lab: tab, ...more }));
      await expect(figure(page, name)).toBeVisible({ timeout: 60_000 });
      for (const width of [390, 768, 1400]) {
        await page.setViewportSize({ width, height: width < 800 ? 780 : 1000 });
        await page.evaluate(() => new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn))));
        const over = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
        expect(over, `${tab} at ${width} px`).toBeLessThanOrEqual(0);
        if (width !== 768) expect(await axe(page), `${tab} at ${width} px`).toEqual([]);
      }
    }
  });
}

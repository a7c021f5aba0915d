import type { ComparisonManifest, SensitiveModule } from '../src/api/types';
import { axe } from './axe';
import { defaultModel, expect, figure, hoverUntil, seeComparison, somePrompt, tableOf, test } from './support';

test('a comparison is made, watched, opened cell by cell, and found again by its address', async ({
  page,
  request,
}) => {
  test.slow(); // ONNX Runtime prepares a graph with every hook as its output
  await page.addInitScript(() => {
    const said = new Set<string>();
    Object.assign(window, { said });
    new MutationObserver(() => {
      const bar = document.querySelector('progress');
      if (bar?.ariaLabel) said.add(bar.ariaLabel);
    }).observe(document, { subtree: true, childList: true, attributes: true });
  });
  await page.goto('/compare');
  await page
    .getByRole('textbox', { name: 'Prompt', exact: false })
    .first()
    .fill(somePrompt(await defaultModel(request)));
  const b = page.getByRole('group', { name: /^B/ });
  await b.getByLabel('Engine').selectOption('onnx');
  await b.getByLabel('Precision').selectOption('int8');
  await b.getByRole('button', { name: 'Another precision for some modules' }).click();
  await b.getByLabel('Modules').fill('blocks.0.mlp.*');
  await b.getByLabel('Their format').selectOption('fp16');
  await page.getByRole('button', { name: 'Compare', exact: true }).click();
  await expect(page.getByTestId('subject')).toContainText('int8 on onnx', { timeout: 150_000 });
  const said = await page.evaluate(() => [...(window as unknown as { said: Set<string> }).said]);
  expect(said.join('\n')).toMatch(/Opening the models|Comparing hook by hook/);

  const id = new URL(page.url()).searchParams.get('comparison') ?? '';
  const kept = (await (await request.get(`/api/v1/comparisons/${id}`)).json()) as ComparisonManifest;
  expect([kept.a.engine.name, kept.b.engine.name, kept.b.engine.precision]).toEqual(['torch', 'onnx', 'int8']);
  const overrides = [{ modules: 'blocks.0.mlp.*', precision: 'fp16' }];
  expect(kept.b.request.precision_plan).toEqual({ default: 'int8', kernel: 'fast', overrides });
  expect(kept.a.request.precision_plan).toBeUndefined();
  await seeComparison(page);

  // The first bad place is the one that REST names, and its profile is REST's.
  const bad = kept.first_bad!;
  await expect(figure(page, 'bad').getByRole('heading', { level: 3 })).toContainText(bad.hook!);
  const profile = await tableOf(page, 'bad');
  const judged = kept.hooks.filter((h) => h.made !== undefined);
  expect(profile.map((row) => row[0])).toEqual(judged.map((h) => h.hook).slice(0, profile.length));
  const row = judged.findIndex((h) => h.hook === bad.hook);
  expect(judged[row].made).toBe(bad.distance_all);
  expect(bad.distance!).toBeGreaterThan(bad.factor * bad.floor!);

  await expect(figure(page, 'text').getByRole('application', { name: /KL divergence by position/ })).toBeVisible();

  // What W8A8 has to round is REST's too, and its worst is named.
  const outliers = kept.activations!;
  const crests = outliers.map((a) => a.max_abs / a.rms);
  expect((await tableOf(page, 'activations')).map((r) => Number(r[1]))).toEqual(outliers.map((a) => a.max_abs));
  const { layer: at } = outliers[crests.indexOf(Math.max(...crests))];
  await expect(figure(page, 'activations').getByRole('heading', { level: 3 })).toContainText(
    at === undefined ? 'unembed' : `What ${at}.`,
  );

  // A click in the heatmap opens the cell that is under the pointer.
  const heatmap = figure(page, 'divergence').getByRole('application');
  const there = await hoverUntil(page, heatmap, [0.5, 0.95], /hook_resid_post at position/);
  const tip = there.replaceAll('\u2212', '-');
  const [, layer, pos] = /blocks\.(\d+)\.hook_resid_post at position (\d+)/.exec(tip)!.map(Number);
  const box = (await heatmap.boundingBox())!;
  await page.mouse.click(box.x + box.width * 0.5, box.y + box.height * 0.95);
  await expect(page).toHaveURL(new RegExp(`token=${pos}\\b.*layer=${layer}\\b`));

  const get = async (path: string) =>
    (await (await request.get(`/api/v1/comparisons/${id}${path}`, { headers: { accept: 'application/json' } })).json())
      .values;
  const distances = await get('/divergence?point=hook_resid_post&metric=relative_l2');
  expect(tip).toContain(String(distances[layer][pos]));
  expect(distances[layer][pos]).toBeGreaterThan(0);

  const hook = `blocks.${layer}.hook_resid_post`;
  await expect(figure(page, 'cell').getByRole('heading', { level: 3 })).toContainText(hook);
  let shown: string[][] = [];
  await expect.poll(async () => (shown = await tableOf(page, 'cell')).length).toBeGreaterThan(0);
  for (const [column, side] of ['a', 'b', 'difference'].entries()) {
    const values = ((await get(`/cells/${hook}?pos=${pos}&side=${side}`)) as number[]).map(Math.fround);
    expect(shown.map((row) => Number(row[column + 1]))).toEqual(values.slice(0, shown.length));
  }

  // The address is enough: nothing is compared again, and the same is seen.
  const posts: string[] = [];
  page.on('request', (r) => r.method() === 'POST' && posts.push(new URL(r.url()).pathname));
  const titles = async () => page.locator('main').getByRole('heading', { level: 3 }).allInnerTexts();
  const before = await titles();
  await page.goto('about:blank');
  await page.goBack();
  await seeComparison(page);
  await expect.poll(titles).toEqual(before);
  await expect.poll(() => tableOf(page, 'cell')).toEqual(shown);
  // What made them is folded away until it is wanted.
  await expect(b).toHaveCount(0);
  await page.getByRole('button', { name: 'Change what is compared' }).click();
  await expect(b.getByLabel('Engine')).toHaveValue('onnx');
  await expect(b.getByLabel('Modules')).toHaveValue('blocks.0.mlp.*');
  await expect(page.getByLabel('Another prompt for B')).toHaveValue('');
  expect(posts).not.toContain('/api/v1/comparisons');
});

test('an address with a comparison and nothing else shows its own prompt and sides', async ({ page, request }) => {
  const model = await defaultModel(request);
  const reads = (text: string, ids: number[]) => (model.has_tokenizer ? { prompt: text } : { tokens: ids });
  const overrides = [
    { modules: 'blocks.*.mlp.*', precision: 'fp16' },
    { modules: 'unembed', precision: 'fp32' },
  ];
  const plan = { default: 'int8', kernel: 'exact', overrides };
  const cut = [{ hook: 'blocks.0.attn.hook_z', op: 'zero', heads: [1] }];
  const data = {
    a: { ...reads('The old fox', [5, 4, 3]), engine: 'onnx', precision_plan: plan, interventions: cut },
    b: { ...reads('The old dog', [5, 4, 6]), engine: 'onnx', precision: 'fp32', device: 'cpu' },
    ...(model.has_tokenizer ? { text: 'A fox sat by the road.' } : { text_tokens: [1, 2, 3, 4] }),
    options: { cost: false, split: false, hooks: ['blocks.*.hook_resid_post'], floor: 'none', factor: 25 },
  };
  const made = await (await request.post('/api/v1/comparisons', { data })).json();
  const [a, b] = ['A', 'B'].map((side) => page.getByRole('group', { name: new RegExp(`^${side}`) }));
  const shown = async () => {
    await expect(page.getByTestId('subject')).toContainText('fp32 on onnx');
    await expect(page.locator('header').getByRole('textbox', { name: 'Prompt' })).toHaveValue(
      model.has_tokenizer ? 'The old fox' : '5 4 3',
    );
    const unfold = page.getByRole('button', { name: 'Change what is compared' });
    await expect(unfold.or(b)).toBeVisible();
    if (await unfold.isVisible()) await unfold.click();
    await expect(page.getByLabel('Another prompt for B')).toHaveValue(model.has_tokenizer ? 'The old dog' : '5 4 6');
    for (const [side, precision, device, changes] of [
      [a, 'int8', 'auto', JSON.stringify(cut)],
      [b, 'fp32', 'cpu', ''],
    ] as const) {
      await expect(side.getByLabel('Model')).toHaveValue(model.slug);
      await expect(side.getByLabel('Engine')).toHaveValue('onnx');
      await expect(side.getByLabel('Precision')).toHaveValue(precision);
      await expect(side.getByLabel('Device')).toHaveValue(device);
      await expect(side.getByLabel('Changes')).toHaveValue(changes);
    }
    for (const [i, o] of overrides.entries()) {
      await expect(a.getByLabel('Modules').nth(i)).toHaveValue(o.modules);
      await expect(a.getByLabel('Their format').nth(i)).toHaveValue(o.precision);
    }
    await expect(a.getByRole('switch', { name: 'exact weight-only kernels' })).toBeChecked();
    await expect(b.getByLabel('Modules')).toHaveCount(0);
    await expect(page.getByRole('radio', { name: 'nothing', exact: true })).toBeChecked();
    await expect(page.getByLabel('Bad is more than')).toHaveValue('25');
    const text = page.getByLabel('A text for perplexity');
    if (model.has_tokenizer) await expect(text).toHaveValue('A fox sat by the road.');
    else await expect(text).toHaveAttribute('placeholder', /4 tokens that are not kept/);
  };
  await page.goto(`/compare?comparison=${made.id}`);
  await shown();

  // What the address says stands, and a comparison opened from the list says its own again.
  await b.getByLabel('Precision').selectOption('int4_32');
  await expect(page.getByText('made before the form was changed')).toBeVisible();
  await page.reload();
  await expect(page.getByTestId('subject')).toBeVisible();
  await expect(b.getByLabel('Precision')).toHaveValue('int4_32');
  await page.getByText(/\d+ comparisons? kept/).click();
  await page.getByTestId('comparisons').locator(`a[href*="${made.id}"]`).click();
  await shown();
});

test('what each module is worth: bars, plan, keyboard and table have the numbers of the API', async ({
  page,
  request,
}) => {
  const data = {
    a: { tokens: [1, 17, 42, 8], engine: 'onnx' },
    b: { engine: 'onnx', precision: 'int4_32' },
    options: { cost: false, split: false, hooks: ['logits'] },
  };
  const made = async (sensitivity: object): Promise<ComparisonManifest> =>
    (await request.post('/api/v1/comparisons', { data: { ...data, sensitivity } })).json();
  const sizes = (await made({ by: 'module' })).sensitivity!;
  const budget_bytes = sizes.start_bytes + sizes.modules.reduce((sum, m) => sum + m.bytes, 0) / 2;
  const { id, sensitivity: s } = await made({ by: 'module', budget_bytes });
  const { modules, plan } = s!;
  expect(plan!.modules.length).toBeGreaterThan(0);
  expect(plan!.modules.length).toBeLessThan(modules.length);

  await page.goto(`/compare?comparison=${id}`);
  const fig = figure(page, 'sensitivity');
  await fig.scrollIntoViewIfNeeded();
  await expect(fig.locator('.row')).toHaveCount(modules.length);
  const drawn = () =>
    fig.locator('.row').evaluateAll((rows) =>
      rows.map((row) => {
        const bar = row.querySelector('.bar')!;
        return {
          label: row.getAttribute('aria-label')!,
          share: bar.getBoundingClientRect().width / row.querySelector('.bars')!.getBoundingClientRect().width,
          chosen: bar.classList.contains('chosen'),
          less: bar.classList.contains('less'),
        };
      }),
    );
  const holds = async (measure: (m: SensitiveModule) => number) => {
    const sorted = [...modules].sort((x, y) => measure(y) - measure(x));
    const top = Math.max(...modules.map((m) => Math.abs(measure(m))));
    const bars = await drawn();
    expect(bars.map((bar) => bar.label.split(':')[0])).toEqual(sorted.map((m) => m.module));
    for (const [i, m] of sorted.entries()) {
      expect(bars[i].share, m.module).toBeCloseTo(Math.abs(measure(m)) / top, 2);
      expect(bars[i].less, m.module).toBe(measure(m) < 0);
      expect(bars[i].chosen, m.module).toBe(plan!.modules.includes(m.module));
    }
    return sorted;
  };
  await holds((m) => m.effect_per_byte!);

  // By keyboard: the other order, then from row to row, each with its numbers.
  await fig.getByRole('radio', { name: 'by nats a MiB' }).focus();
  await page.keyboard.press('ArrowRight');
  await expect(page).toHaveURL(/order=kl/);
  const sorted = await holds((m) => m.effect.value);
  await fig.locator('.row').first().focus();
  for (const m of sorted.slice(0, 3)) {
    const tip = page.getByRole('tooltip');
    await expect(tip).toContainText(`${m.module} alone restored`);
    const value = Number((await tip.innerText()).replaceAll('\u2212', '-').match(/(\S+) nats/)![1]);
    expect(Math.fround(value)).toBe(Math.fround(m.effect.value));
    await page.keyboard.press('Tab');
  }

  const table = (await tableOf(page, 'sensitivity')).map((row) => row.map((cell) => cell.trim()));
  expect(table).toEqual(
    sorted.map((m) =>
      [
        m.module,
        m.effect.value,
        m.effect.error,
        m.bytes,
        m.effect_per_byte,
        m.kld.value,
        m.kld.error,
        m.predicted,
        plan!.modules.includes(m.module) ? 'yes' : '',
      ].map(String),
    ),
  );

  // The plan is what the server suggests, ready to be sent, and the form says how it was asked for.
  const offered = await fig.getByTestId('plan').locator('pre').first().innerText();
  expect(JSON.parse(offered)).toEqual(plan!.precision_plan);
  await expect(fig.getByTestId('plan')).toContainText(`${plan!.modules.length} module`);
  const { llama_quantize, llm_compressor_ignore } = plan!.export!;
  await expect(fig.getByLabel('llama-quantize lines')).toContainText(`--tensor-type '${llama_quantize[1]}'`);
  await expect(fig.getByLabel('ignore lines')).toHaveText(JSON.stringify(llm_compressor_ignore));

  // What one backward pass predicts: the order of its own, and how far it is the measured one.
  await expect(fig.getByTestId('predicted')).toContainText(`Rank correlation ${s!.rank_correlation!.toFixed(2)}`);
  await fig.getByText('as predicted').click();
  await holds((m) => m.predicted!);
  await page.getByRole('button', { name: 'Change what is compared' }).click();
  await expect(page.getByLabel('Suggest a mix')).toHaveValue(String(budget_bytes));
  await expect(page.getByRole('radio', { name: 'attention and MLP' })).toBeChecked();
  for (const theme of ['light', 'dark']) {
    await page.goto(`/compare?comparison=${id}&theme=${theme}`);
    await fig.scrollIntoViewIfNeeded();
    await fig.getByRole('button', { name: 'As a table' }).click();
    expect(await axe(page), theme).toEqual([]);
  }
});

test('over a corpus every mean has its interval, and the worst documents are named', async ({
  page,
  request,
  quiet,
}) => {
  test.slow();
  quiet.allow(/404/);
  const model = await defaultModel(request);
  expect(model.has_tokenizer, 'a corpus is text').toBe(true);
  await page.goto('/compare');
  const b = page.getByRole('group', { name: /^B/ });
  await b.getByLabel('Engine').selectOption('onnx');
  await b.getByLabel('Precision').selectOption('int8');
  await page.getByLabel('A corpus, for means with an interval').fill('none.txt');
  await page.getByRole('button', { name: 'Compare', exact: true }).click();
  await expect(page.getByText('there is no such corpus')).toBeVisible({ timeout: 60_000 });

  const data = {
    a: { prompt: somePrompt(model) },
    b: { engine: 'onnx', precision: 'int8' },
    corpus: { path: 'tales:held_out', documents: 5 },
    options: { cost: false, split: false, hooks: ['blocks.*.hook_resid_post'], floor: 'none' },
  };
  const made = (await (await request.post('/api/v1/comparisons', { data })).json()) as ComparisonManifest;
  await page.goto(`/compare?comparison=${made.id}`);
  const corpus = figure(page, 'corpus');
  await corpus.scrollIntoViewIfNeeded();
  const { divergence, documents } = made.corpus!;
  expect(documents).toBe(5);
  await expect(corpus.getByRole('heading', { level: 3 })).toContainText('Over 5 documents B lies ');
  await expect(corpus.getByRole('heading', { level: 3 })).toContainText(', between ');
  const rows = await tableOf(page, 'corpus');
  const means = [divergence.mean_kld, divergence.reverse_kld, divergence.delta_nll, divergence.same_top];
  expect(rows.slice(0, 4).map((r) => r.slice(1, 4).map(Number))).toEqual(means.map((m) => [m.value, m.low, m.high]));
  expect(rows.slice(4).map((r) => r[0])).toEqual(divergence.worst.map((w) => w.document));
  await expect(corpus.getByRole('img', { name: /^KL\(A‖B\) in nats per token/ })).toBeVisible();
  await expect(corpus.getByRole('listitem').first()).toContainText(divergence.worst[0].document);
  await page.getByRole('button', { name: 'Change what is compared' }).click();
  await expect(page.getByLabel('A corpus, for means with an interval')).toHaveValue('tales:held_out');
});

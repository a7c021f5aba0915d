import type { ComparisonManifest } from '../src/lib/api/comparison';
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
  await page.getByRole('button', { name: 'Compare', exact: true }).click();
  await expect(page.getByTestId('subject')).toContainText('int8 on onnx', { timeout: 150_000 });
  const said = await page.evaluate(() => [...(window as unknown as { said: Set<string> }).said]);
  expect(said.join('\n')).toMatch(/Opening the models|Comparing hook by hook/);

  const id = new URL(page.url()).searchParams.get('comparison') ?? '';
  const kept = (await (await request.get(`/api/v1/comparisons/${id}`)).json()) as ComparisonManifest;
  expect([kept.a.engine.name, kept.b.engine.name, kept.b.engine.precision]).toEqual(['torch', 'onnx', 'int8']);
  await seeComparison(page);

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
  await expect(b.getByLabel('Engine')).toHaveValue('onnx');
  expect(posts).not.toContain('/api/v1/comparisons');
});

test('an address with a comparison and nothing else shows its own prompt and sides', async ({ page, request }) => {
  const model = await defaultModel(request);
  const reads = (text: string, ids: number[]) => (model.has_tokenizer ? { prompt: text } : { tokens: ids });
  const cut = [{ hook: 'blocks.0.attn.hook_z', op: 'zero', heads: [1] }];
  const data = {
    a: { ...reads('The old fox', [5, 4, 3]), engine: 'onnx', precision: 'int8', interventions: cut },
    b: { ...reads('The old dog', [5, 4, 6]), engine: 'onnx', precision: 'fp32', device: 'cpu' },
    ...(model.has_tokenizer ? { text: 'A fox sat by the road.' } : { text_tokens: [1, 2, 3, 4] }),
    options: { cost: false, split: false, hooks: ['blocks.*.hook_resid_post'] },
  };
  const made = await (await request.post('/api/v1/comparisons', { data })).json();
  const [a, b] = ['A', 'B'].map((side) => page.getByRole('group', { name: new RegExp(`^${side}`) }));
  const shown = async () => {
    await expect(page.getByTestId('subject')).toContainText('fp32 on onnx');
    await expect(page.getByRole('textbox', { name: 'Prompt', exact: true })).toHaveValue(
      model.has_tokenizer ? 'The old fox' : '5 4 3',
    );
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
    const text = page.getByLabel('A text for perplexity');
    if (model.has_tokenizer) await expect(text).toHaveValue('A fox sat by the road.');
    else await expect(text).toHaveAttribute('placeholder', /4 tokens that are not kept/);
  };
  await page.goto(`/compare?comparison=${made.id}`);
  await shown();

  // What the address says stands, and a comparison opened from the list says its own again.
  await b.getByLabel('Precision').selectOption('int4_32');
  await page.reload();
  await expect(page.getByTestId('subject')).toBeVisible();
  await expect(b.getByLabel('Precision')).toHaveValue('int4_32');
  await page.getByText(/\d+ comparisons? kept/).click();
  await page.getByTestId('comparisons').locator(`a[href*="${made.id}"]`).click();
  await shown();
});

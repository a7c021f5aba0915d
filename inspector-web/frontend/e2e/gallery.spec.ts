import { readFileSync } from 'node:fs';
import { axe } from './axe';
import { expect, holdServer, test } from './support';

const PARTS = [
  'TokenStrip',
  'Arcs',
  'Heatmap',
  'Heatmap with numbers',
  'Heatmap of many',
  'MatrixProduct',
  'Formula',
  'VectorStrip',
  'Plot',
  'Plot of bars',
  'FunctionCurve',
  'Scatter',
  'Tree',
  'BlockDiagram',
  'RotationDial',
  'SideBySide',
  'DotProduct',
  'Player',
  'ExampleChips',
  'ChangeControl',
  'Term',
];

for (const theme of ['light', 'dark']) {
  for (const width of [1400, 360]) {
    test(`every component is there, ${theme}, ${width} px`, async ({ page }, info) => {
      await page.setViewportSize({ width, height: 900 });
      await page.goto(`/kit?theme=${theme}`);
      for (const name of PARTS) {
        const part = page.getByTestId(`kit-${name}`);
        await part.scrollIntoViewIfNeeded();
        await expect(part).toBeVisible();
      }
      await expect(page.getByTestId('kit-Formula').locator('.katex')).toBeVisible();
      const wider = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
      expect(wider).toBeLessThanOrEqual(0);
      expect(await axe(page)).toEqual([]);
      await info.attach(`kit-${theme}-${width}.png`, { body: await page.screenshot({ fullPage: true }) });
    });
  }
}

test('a heatmap is read with keys, zoomed, and pins what it says', async ({ page }) => {
  const recorded = JSON.parse(readFileSync('src/views/gallery/recording/run.json', 'utf8')) as { vocabulary: string[] };
  const last = recorded.vocabulary.length - 1;
  await page.goto('/kit');
  const map = page.getByTestId('kit-Heatmap of many').getByRole('application');
  await map.focus();
  await map.press('ArrowDown');
  await map.press('End');
  const tip = page.getByRole('tooltip');
  await expect(tip).toContainText(`logits[0, 1, ${last}]`);
  await map.press('+');
  await map.press('ArrowLeft');
  await expect(tip).toContainText(`logits[0, 1, ${last - 1}]`);
  await map.press('p');
  await map.press('ArrowLeft');
  await expect(page.getByRole('note', { name: 'Pinned' })).toContainText(`logits[0, 1, ${last - 1}]`);
  await expect(tip).toContainText(`logits[0, 1, ${last - 2}]`);
  await page.keyboard.press('Escape');
  await page.keyboard.press('Escape');
  await expect(page.getByRole('note', { name: 'Pinned' })).toHaveCount(0);
});

test('a tap reads a cell and pins it', async ({ browser, baseURL }) => {
  const context = await browser.newContext({ hasTouch: true, viewport: { width: 390, height: 844 }, baseURL });
  const page = await context.newPage();
  await page.goto('/kit');
  const map = page.getByTestId('kit-Heatmap of many').getByRole('application');
  await map.scrollIntoViewIfNeeded();
  const box = (await map.boundingBox())!;
  await page.touchscreen.tap(box.x + box.width * 0.7, box.y + box.height * 0.6);
  await expect(page.getByRole('note', { name: 'Pinned' })).toContainText('logits[0, ');
  await context.close();
});

test('a product’s cell shows the sum that made it', async ({ page }) => {
  await page.goto('/kit');
  const part = page.getByTestId('kit-MatrixProduct');
  const products = await part
    .locator('[data-product]')
    .evaluateAll((rows) => rows.map((r) => Number((r as HTMLElement).dataset.product)));
  const sizes = products.map(Math.abs);
  expect(sizes).toEqual([...sizes].sort((a, b) => b - a));
  // What the sum becomes is what the run has.
  const [scaled, real] = await part
    .locator('tfoot tr td:last-child')
    .evaluateAll((cells) => cells.slice(1).map((c) => c.textContent));
  expect(scaled).toBe(real);
});

test('a marker on a curve is moved with keys; a change is undone', async ({ page }) => {
  await page.goto('/kit');
  const curve = page.getByTestId('kit-FunctionCurve');
  await curve.getByRole('application').focus();
  for (let i = 0; i < 10; i++) await page.keyboard.press('ArrowLeft');
  await expect(curve).toContainText('−0.2 →');
  const changes = page.getByTestId('kit-ChangeControl');
  await changes.getByRole('button', { name: 'Undo: head 2 of layer 2 silenced' }).click();
  await expect(changes.getByText('Changed:')).toHaveCount(0);
  await expect(changes.getByRole('group', { name: 'Changes to the model' })).toBeFocused();
});

test('a saved SVG is shapes and text, and small', async ({ page }) => {
  await holdServer(page);
  await page.goto('/');
  for (const name of ['attention', 'norms', 'distribution']) {
    const fig = page.getByTestId(`figure-${name}`);
    await fig.scrollIntoViewIfNeeded();
    await expect(fig.getByRole('application').first()).toBeVisible();
    const [download] = await Promise.all([
      page.waitForEvent('download'),
      fig.getByRole('button', { name: 'Save SVG' }).click(),
    ]);
    const svg = readFileSync((await download.path())!, 'utf8');
    expect(svg).not.toContain('foreignObject');
    expect(svg.length).toBeLessThan(200 * 1024);
    expect(svg).toContain('recorded · ');
    expect(svg.match(/<text/g)!.length).toBeGreaterThan(10);
    const wrong = await page.evaluate((text) => {
      const parsed = new DOMParser().parseFromString(text, 'image/svg+xml');
      return parsed.querySelector('parsererror')?.textContent ?? null;
    }, svg);
    expect(wrong).toBeNull();
  }
});

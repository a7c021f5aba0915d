import { axe } from './axe';
import { expect, test } from './support';

/** What a library in place of this page would have to keep too: docs/decisions.md, 88. */
test('the REST reference names every path, runs no script, fits every width, and axe finds nothing', async ({
  page,
  request,
}) => {
  const paths = [...(await (await request.get('/openapi.yaml')).text()).matchAll(/^ {2}(\/\S*):$/gm)].map((m) => m[1]);
  const asked = new Set<string>();
  page.on('request', (r) => asked.add(r.url()));
  await page.goto('/docs');
  const text = (await page.locator('main').textContent()) ?? '';
  expect(paths.length).toBeGreaterThan(90);
  expect(paths.filter((path) => !text.includes(path))).toEqual([]);
  await expect(page.locator('script')).toHaveCount(0);
  expect([...asked].map((url) => new URL(url).pathname).filter((path) => !path.startsWith('/docs'))).toEqual([]);

  // axe takes seconds on a page of this length; the dark scheme differs in its colours only.
  for (const [colorScheme, widths] of [
    ['light', [1280, 800, 390]],
    ['dark', [390, 800, 1280]],
  ] as const) {
    await page.emulateMedia({ colorScheme });
    for (const width of widths) {
      await page.setViewportSize({ width, height: 900 });
      const over = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
      expect(over, `${width} px`).toBeLessThanOrEqual(0);
    }
    expect(await axe(page, colorScheme === 'dark' ? ['color-contrast'] : undefined), colorScheme).toEqual([]);
  }
});

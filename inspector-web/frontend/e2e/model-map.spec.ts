import { axe } from './axe';
import { expect, test } from './support';

/** The drawing of the model that stands on every chapter and on Trace: the page's part is lit, each part is a way there. */
const CHAPTERS = 15;

for (const [width, height] of [
  [1400, 900],
  [390, 844],
]) {
  test(`leads from part to part at ${width} px, and leaves the figure in the first view`, async ({ page }) => {
    await page.setViewportSize({ width, height });
    await page.goto('/chapters/08-attention-qkv');
    const map = page.getByRole('navigation', { name: 'Where this is in the model' });
    const parts = map.getByRole('link');
    await expect(parts).toHaveCount(CHAPTERS);
    await expect(map.locator('[aria-current="page"]')).toHaveAccessibleName('attention: Chapter 8 · Attention Q, K, V');
    // Drawn again when the model's parts are known.
    await expect(async () => {
      for (const part of await parts.all()) {
        const box = await part.boundingBox();
        expect(Math.min(box!.width, box!.height), (await part.getAttribute('aria-label'))!).toBeGreaterThanOrEqual(24);
      }
    }).toPass();
    const figure = await page.getByTestId('stage').boundingBox();
    expect(figure!.y).toBeLessThan(height * 0.72);

    await map.getByRole('link', { name: 'gradients' }).hover();
    await expect(page.getByText('Chapter 6 · Backpropagation', { exact: true })).toBeVisible();
    await map.getByRole('link', { name: 'positions' }).click();
    await expect(page).toHaveURL(/10-rope/);
    await expect(map.locator('[aria-current="page"]')).toHaveAccessibleName('positions: Chapter 10 · RoPE');
    expect(await axe(page)).toEqual([]);
  });
}

test('is one stop of the Tab key, with arrows from part to part', async ({ page }) => {
  await page.goto('/');
  const map = page.getByRole('navigation', { name: 'Where this is in the model' });
  await expect(map.locator('[aria-current]')).toHaveCount(0);
  await expect(map.locator('a[tabindex="0"]')).toHaveCount(1);
  await map.locator('a[tabindex="0"]').focus();
  await page.keyboard.press('ArrowRight');
  await expect(map.getByRole('link', { name: 'embedding: ' })).toBeFocused();
  await page.keyboard.press('Enter');
  await expect(page).toHaveURL(/02-embeddings/);
});

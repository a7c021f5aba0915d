import type { APIRequestContext, Page } from '@playwright/test';
import type { RunManifest } from '../src/api/types';
import { axe } from './axe';
import { expect, test } from './support';

type State = readonly [scheme: 'light' | 'dark', ...what: string[]];

/**
 * In each state nothing is cut off at any width, and axe finds nothing there. A page is opened at the narrowest and at the
 * widest, and is then made wider, or narrower: what is read once is read on either side of where the page changes its shape.
 *
 * @param open opens the state and waits until it is there; it is given what the state says behind its scheme
 */
export function fits(
  widths: number[],
  states: readonly State[],
  made: (request: APIRequestContext) => Promise<RunManifest>,
  open: (page: Page, run: RunManifest, ...what: string[]) => Promise<void>,
): void {
  const half = widths.length / 2;
  const ways = [widths.slice(0, half), widths.slice(half).reverse()];
  for (const [scheme, ...what] of states) {
    const state = [...what.slice(0, 1), scheme].join(', ');
    test(`${state}: nothing is cut off at ${widths.join(', ')} px, and axe finds nothing`, async ({
      page,
      request,
    }) => {
      test.setTimeout(200_000);
      const run = await made(request);
      await page.emulateMedia({ colorScheme: scheme, reducedMotion: 'reduce' });
      for (const [first, ...others] of ways) {
        await page.setViewportSize(size(first));
        await open(page, run, ...what);
        await fitsNow(page, first);
        for (const width of others) {
          await page.setViewportSize(size(width));
          await page.evaluate(() => new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn))));
          await fitsNow(page, width);
        }
      }
    });
  }
}

const size = (width: number) => ({ width, height: width < 800 ? 780 : 1000 });

async function fitsNow(page: Page, width: number): Promise<void> {
  const over = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
  expect(over, `${width} px`).toBeLessThanOrEqual(0);
  expect(await axe(page), `${width} px`).toEqual([]);
}

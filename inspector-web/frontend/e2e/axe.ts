import type { Page } from '@playwright/test';
import axeCore from 'axe-core';

/**
 * What axe finds wrong with the page as it is, in words; nothing is an empty list. It runs in the page itself, as there are
 * no frames; @axe-core/playwright opens a page more for each time.
 *
 * @param rules the only rules to check; all without
 */
export async function axe(page: Page, rules?: string[]): Promise<string[]> {
  if (!(await page.evaluate(() => 'axe' in window))) await page.evaluate(axeCore.source);
  const violations = await page.evaluate(async (only) => {
    const found = await (window as unknown as { axe: typeof axeCore }).axe.run(document, {
      runOnly: only ?? ['wcag2a', 'wcag2aa', 'wcag21aa', 'best-practice'],
      resultTypes: ['violations'],
    });
    return found.violations;
  }, rules);
  return violations.map(
    (v) =>
      `${v.id}: ${v.nodes
        .slice(0, 3)
        .map((n) => n.html + ' ' + n.failureSummary)
        .join('\n')}`,
  );
}

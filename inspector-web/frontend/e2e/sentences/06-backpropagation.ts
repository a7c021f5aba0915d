import type { APIRequestContext, Page } from '@playwright/test';
import type { Gradients, RunManifest } from '../../src/api/types';
import { expect } from '../support';
import { numbersIn, rest, type Sentence } from '../sentence';

/** The gradients of the loss of the token that the page says should have come. */
async function blamed(page: Page, run: RunManifest, request: APIRequestContext, hook: string): Promise<number[]> {
  const target = Number(await page.getByLabel('The token that should have come').inputValue());
  const g = await rest<Gradients>(request, '/gradients', {
    model: run.model.slug,
    tokens: run.tokens.slice(0, run.prompt_length).map((t) => t.id),
    targets: [{ pos: -1, token: target }],
    hooks: [`blocks.*.${hook}`],
  });
  return Array.from(
    { length: run.model.n_layers },
    (_, i) => g.hooks.find((h) => h.hook === `blocks.${i}.${hook}`)!.by_position![run.prompt_length - 1],
  );
}

function near(found: number, expected: number): void {
  expect(Math.abs(found / expected - 1), `${found} for ${expected}`).toBeLessThan(0.03);
}

const sentences: Sentence[] = [
  {
    says: 'blame',
    holds: async (text, { page, run, request }) => {
      const lengths = await blamed(page, run, request, 'hook_resid_post');
      const [last, first] = numbersIn(text);
      near(last, lengths[lengths.length - 1]);
      near(first, lengths[0]);
    },
  },
  {
    says: 'layers',
    holds: async (text, { page, run, request }) => {
      const lengths = await blamed(page, run, request, 'mlp.hook_post');
      const sorted = [...lengths].sort((a, b) => b - a);
      const [layer, longest, ...others] = numbersIn(text);
      expect(layer).toBe(lengths.indexOf(sorted[0]));
      near(longest, sorted[0]);
      const rest = sorted.slice(1);
      const ends = rest.length > 1 ? [rest[rest.length - 1], rest[0]] : rest;
      expect(others).toHaveLength(ends.length);
      ends.forEach((end, i) => near(others[i], end));
    },
  },
];
export default sentences;

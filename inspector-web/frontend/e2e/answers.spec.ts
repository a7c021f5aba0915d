import type { ModelSummary, RunManifest } from '../src/api/types';
import { expect, test, values } from './support';

/** What a change did stands where the hand is: in the window, at once, on a screen and on a phone. */

const SLOW = { timeout: 60_000 };
const SIZES = [
  { width: 1400, height: 900 },
  { width: 390, height: 844 },
];
/** Chapters, an address where their change is offered, and its button. */
const OFFERS: [chapter: string, query: string, button: RegExp, model?: string][] = [
  ['03-neuron', '&kept', /^Silence it everywhere/],
  ['04-feed-forward', '&kept&part=strongest&most=3', /^Silence 3 neurons/],
  ['04-feed-forward', '&kept', /^Silence expert/, 'tiny-mixtral'],
  ['08-attention-qkv', '&kept', /^Silence this head/],
  ['08-attention-qkv', '&kept', /^Forbid it to read/],
  ['09-multi-head', '&kept&heads=one', /^Silence this head/],
  ['11-transformer-block', '&kept', /^Skip block/],
];

async function made(request: import('@playwright/test').APIRequestContext, slug: string): Promise<RunManifest> {
  const { models }: { models: ModelSummary[] } = await (await request.get('/api/v1/models')).json();
  const model = models.find((m) => m.slug === slug)!;
  const said = model.has_tokenizer
    ? { prompt: 'Mia gave a red ball to Ben. "Thank you,' }
    : { tokens: [1, 17, 42, 8, 99, 3, 64, 25] };
  const run = await request.post('/api/v1/runs', { data: { model: slug, ...said, capture: ['logits'] } });
  expect(run.ok(), await run.text()).toBe(true);
  return run.json();
}

function odds(logits: number[]): number[] {
  const most = Math.max(...logits);
  const e = logits.map((l) => Math.exp(l - most));
  const sum = e.reduce((a, b) => a + b, 0);
  return e.map((v) => v / sum);
}

for (const [chapter, query, button, slug = 'tales-4m'] of OFFERS) {
  for (const size of SIZES) {
    test(`${chapter}, ${button.source.slice(1)}: its answer is beside the button at ${size.width} px`, async ({
      page,
      request,
    }) => {
      const run = await made(request, slug);
      await page.setViewportSize(size);
      await page.emulateMedia({ reducedMotion: 'reduce' });
      await page.goto(`/chapters/${chapter}?run=${run.id}${query}`);
      await page.getByRole('button', { name: button }).click(SLOW);
      const answer = page.getByTestId('change-answer');
      await expect(answer).toHaveAttribute('data-ready', 'true', SLOW);
      await expect(answer).toBeInViewport({ ratio: 1 });
      // The figure may still be scrolling to it.
      const seen = () =>
        answer.evaluate((e) => {
          const box = e.getBoundingClientRect();
          return e.contains(document.elementFromPoint(box.left + 12, box.top + box.height / 2));
        });
      await expect.poll(seen, { message: 'nothing lies over it' }).toBe(true);

      // Its numbers are those of the two runs.
      await expect.poll(() => new URL(page.url()).searchParams.get('changed')).toBeTruthy();
      const changed = new URL(page.url()).searchParams.get('changed')!;
      const at = `pos=${run.prompt_length - 1}`;
      const [before, after] = await Promise.all(
        [run.id, changed].map(async (id) => odds(await values(request, id, 'logits', at))),
      );
      const told = await answer
        .locator('p')
        .first()
        .evaluate((e) => ({ ...e.dataset }));
      const first = before.indexOf(Math.max(...before));
      expect(Number(told.id)).toBe(first);
      expect(Number(told.before)).toBeCloseTo(before[first], 6);
      expect(Number(told.after)).toBeCloseTo(after[first], 6);
      expect(Number(told.then)).toBe(after.indexOf(Math.max(...after)));

      await answer.getByRole('button', { name: 'All that it changed' }).click();
      await expect(answer.getByTestId('changed-bars')).toBeVisible(SLOW);
      await page.getByTestId('changes').getByRole('button', { name: /^Undo/ }).first().click();
    });
  }
}

import type { APIRequestContext, Page } from '@playwright/test';
import type { EvidenceHeads, EvidenceLoss, ModelSummary, RunManifest } from '../src/api/types';
import { expect, figure, test } from './support';

/** What chapters 5, 9 and 12 say over a corpus is REST's, of the sweep that came with the embedded model. */

const SLOW = { timeout: 90_000 };
const EMBEDDED = 'tales-4m';
/** Without a sweep: with a tokenizer and without one. */
const BARE = ['tiny64-Q4_0', 'tiny-gpt2'];
/** Chapter 12 shows a model whose training is told; those without a sweep have no tokenizer. */
const LIVED = ['grokking'];

async function made(request: APIRequestContext, slug: string): Promise<RunManifest> {
  const { models }: { models: ModelSummary[] } = await (await request.get('/api/v1/models')).json();
  const model = models.find((m) => m.slug === slug)!;
  const said = model.has_tokenizer ? { prompt: 'Once upon a time, a dog' } : { tokens: [1, 2, 3, 4] };
  const response = await request.post('/api/v1/runs', { data: { model: slug, ...said, capture: ['logits'] }, ...SLOW });
  expect(response.ok(), await response.text()).toBe(true);
  return response.json();
}

async function ask<A>(request: APIRequestContext, of: string, run: RunManifest): Promise<A> {
  const response = await request.post(`/api/v1/evidence/${of}`, { data: { run: run.id } });
  expect(response.ok(), await response.text()).toBe(true);
  return response.json();
}

const open = (page: Page, chapter: string, run: RunManifest, more: string) =>
  page.goto(`/chapters/${chapter}?model=${run.model.slug}&run=${run.id}&kept${more}`);

/** What is said where no sweep kept it: the command that does, or that a corpus is text. */
async function saysWhatToDo(page: Page, slug: string, reduce: string): Promise<void> {
  const none = page.getByTestId('no-corpus');
  await expect(none).toBeVisible(SLOW);
  await expect(none).toContainText(
    slug === BARE[0] ? `--model ${slug} --corpus texts.txt --reduce ${reduce}` : `${slug} has no tokenizer`,
  );
  expect(await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)).toBeLessThanOrEqual(0);
}

for (const [chapter, panel, bare] of [
  ['05-logits-sampling', 'choice', BARE],
  ['12-training-phases', 'life', LIVED],
] as const) {
  test(`chapter ${chapter}: the loss over a corpus is REST’s, by position and by layer`, async ({ page, request }) => {
    const run = await made(request, EMBEDDED);
    const { loss, lens, from } = await ask<EvidenceLoss>(request, 'loss', run);
    await open(page, chapter, run, '&panel=corpus');
    const shown = page.getByTestId('corpus-loss');
    await expect(shown.locator('[data-loss]')).toHaveAttribute('data-loss', String(loss!.loss), SLOW);
    await expect(shown).toContainText(`${from!.tokens.toLocaleString('en')} tokens of ${from!.documents}`);
    await expect(shown).toContainText(`between ${loss!.low!.toFixed(3)} and ${loss!.high!.toFixed(3)}`);
    const same = await shown.locator('[data-same]').evaluateAll((all) => all.map((e) => Number(e.dataset.same)));
    expect(same).toEqual(lens!.same_top);
    const nats = await shown.locator('tbody td:nth-child(2)').allTextContents();
    expect(nats).toEqual(lens!.loss.map((l) => l!.toFixed(2)));

    const plot = shown.getByRole('application');
    await plot.scrollIntoViewIfNeeded();
    const tip = page.getByRole('tooltip');
    await expect(async () => {
      await plot.blur();
      await plot.focus();
      await page.keyboard.press('ArrowRight');
      await expect(tip).toContainText(/Position \d+, with/, { timeout: 500 });
    }).toPass({ timeout: 20_000 });
    const position = Number(/Position (\d+)/.exec((await tip.textContent())!)![1]);
    await expect(tip).toContainText(`loss/positions[${position}]`);
    await expect(tip).toContainText(loss!.counts[position].toLocaleString('en'));
    await figure(page, panel).getByRole('button', { name: 'Get this data' }).click();
    await expect(page.getByLabel('Python lines')).toContainText('evidence_loss(');

    await page.setViewportSize({ width: 390, height: 844 });
    expect(await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)).toBeLessThanOrEqual(0);
    for (const slug of bare) {
      await open(page, chapter, await made(request, slug), '&panel=corpus');
      await saysWhatToDo(page, slug, 'loss,lens');
    }
  });
}

test('chapter 9 sorts its heads by what REST says that they do over a corpus', async ({ page, request }) => {
  const run = await made(request, EMBEDDED);
  const { layers, from } = await ask<EvidenceHeads>(request, 'heads', run);
  await open(page, '09-multi-head', run, '&heads=all&by=previous&on=corpus');
  await expect(page.getByTestId('over')).toContainText(
    `${from!.tokens.toLocaleString('en')} tokens of ${from!.documents}`,
    SLOW,
  );
  await figure(page, 'heads').getByRole('button', { name: 'As a table' }).click();
  const rows = await figure(page, 'heads')
    .getByRole('region', { name: 'Table of heads' })
    .locator('tbody tr')
    .evaluateAll((trs) => trs.map((tr) => [...tr.children].map((td) => Number(td.textContent))));
  const told = layers!.flatMap(({ layer, roles }) =>
    roles.entropy.map((entropy, head) => [
      layer,
      head,
      roles.previous_token[head],
      roles.induction[head],
      roles.duplicate_token[head],
      roles.first_token[head],
      roles.self[head],
      entropy,
    ]),
  );
  expect(rows.map((r) => r.slice(0, 8))).toEqual(told);
  const best = told.reduce((a, b) => (b[2]! > a[2]! ? b : a));
  const grid = page.getByTestId('grid').getByRole('application');
  await grid.focus();
  await page.keyboard.press('Home');
  await page.keyboard.press('Enter');
  await expect(page).toHaveURL(new RegExp(`layer=${best[0]}\\b`));
  await expect(page.getByTestId('over').getByRole('link')).toContainText(`layer ${best[0]}, head ${best[1]}`);
  await page.getByTestId('over').getByRole('link').click();
  await expect(page.getByRole('heading', { level: 1 })).toHaveText(`Head ${best[1]} of layer ${best[0]}`, SLOW);

  await page.setViewportSize({ width: 390, height: 844 });
  for (const slug of BARE) {
    await open(page, '09-multi-head', await made(request, slug), '&heads=all&by=previous&on=corpus');
    await saysWhatToDo(page, slug, 'heads');
  }
});

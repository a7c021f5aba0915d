import { readdirSync, readFileSync } from 'node:fs';
import { errors, type APIRequestContext, type Page } from '@playwright/test';
import type { ModelSummary, RunManifest } from '../src/api/types';
import { rest, type At, type Sentence, type Sentences } from './sentence';
import { defaultModel, expect, test } from './support';

/**
 * What the page says of a run is true: each sentence of each chapter, on two models and two prompts each, worked out anew
 * from REST. A sentence without a check fails, and so does a check whose sentence no run shows.
 */

const ROOT = new URL('.', import.meta.url);
const PROMPTS = [
  'Once upon a time there was a little fox who lived in the wood. The fox was',
  'Tom and Anna went to the park. Anna gave a red ball to',
] as const;
const SLOW = { timeout: 60_000 };
/** How long a sentence may take to come once the page stands; working it out anew takes a model's time. */
const SOON = { timeout: 10_000 };

const listed = (folder: string) => readdirSync(new URL(folder, ROOT));
const chapter = (name: string) => /^\d\d-/.test(name);

/** The server's model, and the embedded one of stories. */
async function models(request: APIRequestContext): Promise<string[]> {
  const { models: all } = await rest<{ models: ModelSummary[] }>(request, '/models');
  const own = await defaultModel(request);
  const embedded = all.find((m) => m.slug === 'tales-4m')!;
  return [...new Set([own.slug, embedded.slug])];
}

/** Every `data-says` that the sources of a chapter or a view write. */
function written(name: string): string[] {
  const folder = new URL(`../src/${chapter(name) ? 'chapters' : 'views'}/${name}/`, ROOT);
  const text = readdirSync(folder)
    .filter((file) => file.endsWith('.svelte'))
    .map((file) => readFileSync(new URL(file, folder), 'utf8'))
    .join('\n');
  return [...new Set([...text.matchAll(/data-says="([^"{]+)"/g)].map(([, says]) => says))];
}

async function goTo(page: Page, address: string): Promise<void> {
  await page.goto('about:blank');
  await page.goto(address);
  const stands = page.getByText('Get this data').or(page.getByTestId('cannot')).first();
  await expect(stands, address).toBeVisible(SLOW);
}

/** Whether what leads to a sentence is there: a run may have no question to answer. */
async function opened(open: Promise<void>): Promise<boolean> {
  try {
    await open;
    return true;
  } catch (e) {
    if (e instanceof errors.TimeoutError) return false;
    throw e;
  }
}

/** Sentences on the page that the module does not know. */
async function unknown(page: Page, sentences: Sentence[]): Promise<string[]> {
  const there = await page
    .locator('[data-says]')
    .evaluateAll((all) => all.map((e) => (e as HTMLElement).dataset.says!));
  return there.filter((says) => !sentences.some((s) => s.says === says));
}

/** Whether the sentence is there; where it is, it holds. */
async function read(sentence: Sentence, at: At): Promise<boolean> {
  const element = at.page.locator(`[data-says="${sentence.says}"]`);
  try {
    await element.first().waitFor({ state: 'visible', timeout: SOON.timeout });
  } catch {
    return false;
  }
  await expect(async () => {
    for (const text of await element.allInnerTexts()) {
      await sentence.holds(text.replace(/\s+/g, ' ').trim(), at);
    }
  }, sentence.says).toPass(SLOW);
  return true;
}

const named = [
  ...listed('../src/chapters/').filter(chapter),
  ...listed('../src/views/').filter((v) => !v.includes('.')),
];
const modules = listed('sentences/').map((file) => file.replace(/\.ts$/, ''));
for (const name of [...new Set([...modules, ...named.filter((n) => written(n).length > 0)])].sort()) {
  test(`${name}: what it says is true of two models and two prompts each`, async ({ page, request, quiet }) => {
    const module: Sentences = await import(`./sentences/${name}.ts`);
    const { default: sentences, prompts = PROMPTS, allow, address } = module;
    if (allow) quiet.allow(allow);
    test.setTimeout(120_000 + 40_000 * sentences.length);
    expect(written(name).sort(), 'each sentence has its check').toEqual(sentences.map((s) => s.says).sort());

    page.setDefaultTimeout(SOON.timeout);
    page.setDefaultNavigationTimeout(SLOW.timeout);
    const never = new Set(sentences.map((s) => s.says));
    for (const model of await models(request)) {
      for (const prompt of prompts) {
        const asked = { model, prompt, generate: { max_new_tokens: 4 } };
        const run = await rest<RunManifest>(request, '/runs', asked);
        const to = (await address?.(run, request)) ?? `/chapters/${name}?model=${model}&run=${run.id}`;
        await test.step(`${model}, “${prompt}”`, async () => {
          await goTo(page, to);
          if (await page.getByTestId('cannot').isVisible()) return;
          for (const sentence of [...sentences].sort((a, b) => Number(!!a.open) - Number(!!b.open))) {
            if (sentence.open) {
              await goTo(page, to);
              if (!(await opened(sentence.open(page, run)))) continue;
            }
            expect(await unknown(page, sentences), 'sentences without a check').toEqual([]);
            if (await read(sentence, { page, run, request })) never.delete(sentence.says);
          }
        });
      }
    }
    expect([...never], 'no run shows these').toEqual([]);
  });
}

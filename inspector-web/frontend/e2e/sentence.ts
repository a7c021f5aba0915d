import type { APIRequestContext, Page } from '@playwright/test';
import type { RunManifest } from '../src/api/types';
import { expect } from './support';

/** Where a sentence is read: the page as it stands, and the run on show. */
export interface At {
  page: Page;
  run: RunManifest;
  request: APIRequestContext;
}

/** A sentence of the page that states a fact of the run on show: the element with `data-says`. */
export interface Sentence {
  /** `data-says` of its element. */
  says: string;
  /** Takes the freshly opened page to where the sentence stands; left out where it stands there at once. */
  open?: (page: Page, run: RunManifest) => Promise<void>;
  /** Works the fact out anew from REST, without the page's code, and fails where the words say otherwise. */
  holds: (text: string, at: At) => Promise<void>;
}

/**
 * A module of e2e/sentences. NN-name.ts is of the chapter in that folder; another name is a view's.
 *
 * @property default its sentences
 * @property prompts two texts, where the usual ones do not suit
 * @property allow what the browser's console may say
 * @property address what is opened for a run; the chapter itself where it is left out
 */
export interface Sentences {
  default: Sentence[];
  prompts?: readonly [string, string];
  allow?: RegExp;
  address?: (run: RunManifest, request: APIRequestContext) => Promise<string>;
}

/** All numbers in a text, in order: 1,024 is one, and so are −0.5 and 1.2 × 10⁻⁷. */
export function numbersIn(text: string): number[] {
  const number = /([−-]?\d+(?:,\d{3})*(?:\.\d+)?)(?:\s*×\s*10([⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+))?/g;
  const lowered = (raised: string) => [...raised].map((c) => (c === '⁻' ? '-' : '⁰¹²³⁴⁵⁶⁷⁸⁹'.indexOf(c))).join('');
  return [...text.matchAll(number)].map(
    ([, digits, raised]) =>
      Number(digits.replaceAll(',', '').replace('−', '-')) * (raised ? 10 ** Number(lowered(raised)) : 1),
  );
}

/** Opens the answer of the chapter's guess. */
export async function tellMe(page: Page): Promise<void> {
  await page.getByTestId('guess').getByRole('button', { name: 'Just tell me' }).click();
}

/** A hook's values at a slice of a run, one after another; what the run lacks is captured first. */
export async function captured(
  request: APIRequestContext,
  run: RunManifest,
  hook: string,
  slice = '',
): Promise<number[]> {
  await rest(request, `/runs/${run.id}/captures`, { capture: [hook] });
  const { values } = await rest<{ values: unknown }>(request, `/runs/${run.id}/captures/${hook}?${slice}`);
  return [values].flat(9).map((v) => (v === 'inf' ? Infinity : v === '-inf' ? -Infinity : Number(v)));
}

/** A text without the dots that stand for spaces in tokens. */
export const plain = (text: string): string => text.replaceAll('·', '');

/** Within a part of what it should be. */
export function near(found: number, is: number, part = 2e-3): void {
  expect(Math.abs(found - is), `${found} for ${is}`).toBeLessThanOrEqual(part * Math.abs(is) + 1e-6);
}

/** The softmax of scores. */
export function shares(logits: number[], temperature = 1): number[] {
  const top = Math.max(...logits);
  const e = logits.map((l) => Math.exp((l - top) / temperature));
  const all = e.reduce((sum, v) => sum + v, 0);
  return e.map((v) => v / all);
}

/** Where the largest stands. */
export const highest = (of: number[]): number => of.reduce((best, v, i) => (v > of[best] ? i : best), 0);

/** Fetches JSON of the API: `/runs/…` and the like. A body makes it a POST. */
export async function rest<T>(request: APIRequestContext, path: string, data?: unknown): Promise<T> {
  const headers = { accept: 'application/json' };
  const url = `/api/v1${path}`;
  const response =
    data === undefined ? await request.get(url, { headers }) : await request.post(url, { headers, data });
  if (!response.ok()) throw new Error(`${path}: ${response.status()} ${await response.text()}`);
  return response.json();
}

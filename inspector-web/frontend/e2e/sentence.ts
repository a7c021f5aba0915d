import type { APIRequestContext, Page } from '@playwright/test';
import type { RunManifest } from '../src/api/types';

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
 * @property address what is opened for a run; the chapter itself where it is left out
 */
export interface Sentences {
  default: Sentence[];
  prompts?: readonly [string, string];
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

/** Fetches JSON of the API: `/runs/…` and the like. A body makes it a POST. */
export async function rest<T>(request: APIRequestContext, path: string, data?: unknown): Promise<T> {
  const headers = { accept: 'application/json' };
  const url = `/api/v1${path}`;
  const response =
    data === undefined ? await request.get(url, { headers }) : await request.post(url, { headers, data });
  if (!response.ok()) throw new Error(`${path}: ${response.status()} ${await response.text()}`);
  return response.json();
}

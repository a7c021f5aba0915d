import type { APIRequestContext } from '@playwright/test';
import type { ComparisonManifest, RunManifest } from '../../src/api/types';
import { expect } from '../support';
import { numbersIn, rest, type Sentence } from '../sentence';

const made = new Map<string, Promise<ComparisonManifest>>();

/** The run's model in FP16 against itself, over the run's prompt. */
function compared(run: RunManifest, request: APIRequestContext): Promise<ComparisonManifest> {
  const a = { model: run.model.slug, tokens: run.tokens.map((t) => t.id) };
  const body = { a, b: { model: run.model.slug, precision: 'fp16' }, options: { cost: false } };
  if (!made.has(run.id)) made.set(run.id, rest<ComparisonManifest>(request, '/comparisons', body));
  return made.get(run.id)!;
}

export const address = async (run: RunManifest, request: APIRequestContext) =>
  `/compare?comparison=${(await compared(run, request)).id}`;

const sentences: Sentence[] = [
  {
    says: 'bad',
    holds: async (text, { run, request }) => {
      const m = await compared(run, request);
      const bad = m.first_bad!;
      const point = bad.hook!.replace(/^blocks\.\d+\./, '');
      const row = m.hooks.find((h) => h.hook === bad.hook)!;
      expect(bad.distance_all).toBe(row.made);
      const [at, all] = numbersIn(text);
      expect(at).toBeCloseTo(bad.distance!, 4);
      expect(all).toBeCloseTo(row.made!, 4);
      // What B inherits before the first bad place is little: the whole error at its position is nearly its own.
      const path = `/comparisons/${m.id}/divergence?point=${point}&metric=relative_l2`;
      const { values } = await rest<{ values: number[][] }>(request, path);
      const layer = Number(/^blocks\.(\d+)/.exec(bad.hook!)?.[1] ?? 0);
      expect(Math.abs(values[layer][bad.position!] - bad.distance!)).toBeLessThan(0.2 * bad.distance! + 1e-5);
    },
  },
];
export default sentences;

import type { APIRequestContext, Page } from '@playwright/test';
import type { Checkpoint, Curve, HeadProfile, HeadsRepeated, RunManifest } from '../../src/api/types';
import { expect } from '../support';
import { highest, near, numbersIn, plain, rest, type Sentence } from '../sentence';

const percent = (found: number, share: number) => expect(Math.abs(found / 100 - share)).toBeLessThan(6e-4);

/** A model that tells nothing of its training has no curve. */
export const allow = /404/;

const curveOf = (request: APIRequestContext, model: string) => rest<Curve>(request, `/models/${model}/curve`);

/** Updates after which each state was kept, and the name it opens by; the finished model last. */
async function statesOf(request: APIRequestContext, run: RunManifest): Promise<{ slug: string; step: number }[]> {
  const { slug } = run.model;
  const { checkpoints } = await rest<{ checkpoints: Checkpoint[] }>(request, `/models/${slug}/checkpoints`);
  const end = (await curveOf(request, slug)).step.at(-1)!;
  return [...checkpoints.filter((c) => c.step < end), { slug, step: end }].sort((a, b) => a.step - b.step);
}

const kept = new Map<string, Promise<{ slug: string; step: number; next: { id: number; text: string } }[]>>();

/** What each state goes on with, after the run's prompt. */
function lived(request: APIRequestContext, run: RunManifest) {
  const live = async () => {
    const all = [];
    for (const state of await statesOf(request, run)) {
      const tokens = run.tokens.slice(0, run.prompt_length).map((t) => t.id);
      const asked = { model: state.slug, tokens, generate: { max_new_tokens: 1, greedy: true } };
      const made = await rest<RunManifest>(request, '/runs', asked);
      all.push({ ...state, next: made.tokens[made.prompt_length] });
    }
    return all;
  };
  if (!kept.has(run.id)) kept.set(run.id, live());
  return kept.get(run.id)!;
}

const scored = new Map<string, Promise<HeadProfile[][]>>();

/** Every head's scores on random tokens said twice, state by state. */
function profilesOf(request: APIRequestContext, run: RunManifest): Promise<HeadProfile[][]> {
  const score = async () => {
    const all: HeadProfile[][] = [];
    for (const { slug } of await statesOf(request, run)) {
      all.push((await rest<HeadsRepeated>(request, '/heads/repeated', { model: slug, seed: 0 })).heads);
    }
    return all;
  };
  if (!scored.has(run.model.slug)) scored.set(run.model.slug, score());
  return scored.get(run.model.slug)!;
}

/** The sentence comes when every state was run: they are many. */
const comes = (page: Page, says: string) => page.locator(`[data-says="${says}"]`).waitFor({ timeout: 120_000 });

const looksAt = (curve: Curve) =>
  curve.step.flatMap((step, i) => (curve.val_loss[i] === null ? [] : [{ step, loss: curve.val_loss[i] as number }]));

/** Held-out losses at the last look before a stage, at its highest in it, and at the last look in it. */
function stage(curve: Curve, i: number): { before: number; most: number; end: number } {
  const [from, to] = [curve.midtraining[i], curve.midtraining[i + 1] ?? Infinity];
  const looks = looksAt(curve);
  const within = looks.filter((l) => l.step > from && l.step <= to).map((l) => l.loss);
  return {
    before: looks.filter((l) => l.step <= from).at(-1)!.loss,
    most: Math.max(...within),
    end: within.at(-1)!,
  };
}

const sentences: Sentence[] = [
  {
    says: 'kept',
    holds: async (text, { run, request }) => expect(numbersIn(text)).toEqual([(await statesOf(request, run)).length]),
  },
  {
    says: 'start',
    holds: async (text, { run, request }) => {
      const [loss, even] = numbersIn(text);
      near(loss, (await curveOf(request, run.model.slug)).val_loss[0]!);
      near(even, Math.log(run.model.vocab));
    },
  },
  {
    says: 'half',
    holds: async (text, { run, request }) => {
      const curve = await curveOf(request, run.model.slug);
      const heights = curve.step.map((_, i) => curve.val_loss[i] ?? curve.loss[i]);
      const middle = (heights.find((h) => h !== null)! + heights.at(-1)!) / 2;
      const at = curve.step[heights.findIndex((h) => h !== null && h <= middle)];
      const [updates, all, left] = numbersIn(text);
      expect([updates, all]).toEqual([at, curve.step.at(-1)]);
      percent(left, 1 - at / all);
    },
  },
  {
    says: 'first',
    open: async (page, run) => {
      await lived(page.request, run);
      await comes(page, 'first');
    },
    holds: async (text, { run, request }) => {
      const states = await lived(request, run);
      const end = states.at(-1)!.next;
      const at = states.findIndex((s) => s.next.id === end.id);
      expect(plain(text)).toContain(end.text.trim());
      if (at === 0) expect(text).toContain('Its very first state does so too');
      else {
        expect(numbersIn(text)).toEqual([states[at].step, states[at - 1].step]);
        expect(plain(text.slice(text.indexOf('it still said')))).toContain(states[at - 1].next.text.trim());
      }
    },
  },
  {
    says: 'formed',
    open: async (page, run) => {
      await profilesOf(page.request, run);
      await comes(page, 'formed');
    },
    holds: async (text, { run, request }) => {
      const states = await statesOf(request, run);
      const profiles = await profilesOf(request, run);
      const told = [...text.matchAll(/(\d+)\.(\d+) (?:pays|reads)/g)].map(([, layer, head]) => [+layer, +head]);
      const shares = [...text.matchAll(/([\d.]+)\s*% (?:of its attention )?after ([\d,]+)/g)].map(
        ([, share, step]) => ({ share: Number(share), step: Number(step.replaceAll(',', '')) }),
      );
      (['previous', 'induction'] as const).forEach((role, i) => {
        const scores = (state: number) => profiles[state].map((h) => h.stripes[role] ?? 0);
        const best = highest(scores(states.length - 1));
        const line = states.map((_, s) => scores(s)[best]);
        const leap = 1 + highest(line.slice(1).map((v, s) => v - line[s]));
        const head = profiles[0][best];
        expect(told[i]).toEqual([head.layer, head.head]);
        expect(shares.slice(2 * i, 2 * i + 2).map((s) => s.step)).toEqual([states[leap - 1].step, states[leap].step]);
        percent(shares[2 * i].share, line[leap - 1]);
        percent(shares[2 * i + 1].share, line[leap]);
      });
    },
  },
  {
    says: 'second',
    holds: async (text, { run, request }) => {
      const curve = await curveOf(request, run.model.slug);
      const { before, most, end } = stage(curve, 0);
      const [from, ...losses] = numbersIn(text);
      expect(from).toBe(curve.midtraining[0]);
      [before, most, end].forEach((loss, i) => near(losses[i], loss));
    },
  },
  {
    says: 'drills',
    holds: async (text, { run, request }) => {
      const curve = await curveOf(request, run.model.slug);
      const { before, most } = stage(curve, 1);
      const [drilled, from, to, ...others] = numbersIn(text);
      expect([drilled, ...others.slice(0, -1)]).toEqual(curve.midtraining.slice(1));
      near(from, before);
      near(to, most);
      near(others.at(-1)!, stage(curve, curve.midtraining.length - 1).end);
    },
  },
  {
    says: 'grokked',
    holds: async (text, { request }) => {
      const curve = await curveOf(request, 'grokking');
      const since = (values: (number | null)[], share: number) =>
        curve.step[values.findIndex((v) => v !== null && v >= share)];
      expect(numbersIn(text)).toEqual([since(curve.accuracy, 0.99), since(curve.val_accuracy, 0.9)]);
    },
  },
];
export default sentences;

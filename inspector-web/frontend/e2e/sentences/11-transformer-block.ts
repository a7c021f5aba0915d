import type { APIRequestContext } from '@playwright/test';
import type { Logprobs, ModelDetails, PassCost, RunManifest } from '../../src/api/types';
import { expect } from '../support';
import { captured, highest, near, numbersIn, rest, tellMe, type Sentence } from '../sentence';

const percent = (found: number, share: number) => expect(Math.abs(found / 100 - share)).toBeLessThan(6e-4);
const promptOf = (run: RunManifest) => run.tokens.slice(0, run.prompt_length).map((t) => t.id);

const skipped = new Map<string, Promise<[number, number[]]>>();

/** How probable the run's next token is, with all blocks and without each. */
function probabilities(request: APIRequestContext, run: RunManifest): Promise<[number, number[]]> {
  if (!skipped.has(run.id)) skipped.set(run.id, skip(request, run));
  return skipped.get(run.id)!;
}

async function skip(request: APIRequestContext, run: RunManifest): Promise<[number, number[]]> {
  const next = run.tokens[run.prompt_length].id;
  const of = async (layer: number | null) => {
    const hooks = ['hook_attn_out', 'hook_mlp_out'].map((h) => ({ hook: `blocks.${layer}.${h}`, op: 'zero' }));
    const changed = layer === null ? {} : { interventions: hooks };
    const asked = { model: run.model.slug, tokens: promptOf(run), ...changed };
    return (await rest<Logprobs>(request, '/logprobs', { request: asked, tokens: [next] })).tokens[0].prob;
  };
  const without: number[] = [];
  for (let layer = 0; layer < run.model.n_layers; layer++) without.push(await of(layer));
  return [await of(null), without];
}

const sentences: Sentence[] = [
  {
    says: 'blocks',
    holds: async (text, { run, request }) => {
      const { spec } = await rest<ModelDetails>(request, `/models/${run.model.slug}`);
      expect(numbersIn(text)).toEqual([spec.layers.length]);
      const kinds = spec.layers.map(
        (l) => `${!!l.attention} ${!!l.conv} ${l.recurrence?.kind} ${!!l.mlp.experts} ${l.mlp.d_mlp > 0}`,
      );
      expect(text.includes('one plan')).toBe(new Set(kinds).size === 1);
    },
  },
  {
    says: 'share',
    holds: async (text, { run, request }) => {
      const { name } = run.engine;
      const asked = { model: run.model.slug, engine: name, tokens: promptOf(run) };
      const body = { request: asked, past: run.prompt_length - 1, tokens: 1, contexts: [] };
      const { parts } = await rest<PassCost>(request, '/cost', body);
      // All blocks of these models are alike.
      const mine = parts.filter((p) => p.layer === 0);
      const of = (all: typeof mine, what: 'parameters' | 'flops') => all.reduce((sum, p) => sum + p[what], 0);
      const second = mine.filter((p) => ['mlp.in', 'mlp.act', 'mlp.out'].includes(p.part));
      const [weights, flops] = numbersIn(text);
      percent(weights, of(second, 'parameters') / of(mine, 'parameters'));
      percent(flops, of(second, 'flops') / of(mine, 'flops'));
    },
  },
  {
    says: 'grows',
    holds: async (text, { run, request }) => {
      const at = `pos=${run.prompt_length - 1}`;
      const last = run.model.n_layers - 1;
      const [first, end] = numbersIn(text);
      near(first, Math.hypot(...(await captured(request, run, 'blocks.0.hook_resid_pre', at))));
      near(end, Math.hypot(...(await captured(request, run, `blocks.${last}.hook_resid_post`, at))));
    },
  },
  {
    says: 'least',
    holds: async (text, { run, request }) => {
      const [, without] = await probabilities(request, run);
      expect(numbersIn(text)).toEqual([highest(without.map((p) => -p)), highest(without)]);
    },
  },
  {
    says: 'lost',
    open: tellMe,
    holds: async (text, { run, request }) => {
      const [whole, without] = await probabilities(request, run);
      const worst = highest(without.map((p) => -p));
      const [block, before, after] = numbersIn(text);
      expect(block).toBe(worst);
      percent(before, whole);
      percent(after, without[worst]);
    },
  },
  {
    says: 'others',
    open: tellMe,
    holds: async (text, { run, request }) => {
      const [whole, without] = await probabilities(request, run);
      const worst = highest(without.map((p) => -p));
      const still = without.filter((p, i) => i !== worst && p > whole / 2).length;
      expect(numbersIn(text)).toEqual([without.length - 1, still]);
    },
  },
];
export default sentences;

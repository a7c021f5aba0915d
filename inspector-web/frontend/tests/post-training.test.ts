import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Distances, Logprobs, ModelDetails, ModelSummary, RunManifest, Token } from '../src/api/types';
import { askKey, type Ask } from '../src/api/source';
import { asks, LAST, saidOf, SHIPPED, type Taught } from '../src/chapters/13-post-training/asks';
import { record } from '../src/chapters/13-post-training/index';
import recorded from '../src/chapters/13-post-training/recording/run.json';
import {
  apart,
  distinct,
  furthest,
  mostMoved,
  oddsOf,
  pairOf,
  parting,
  sigmoid,
  sisters,
  trioOf,
} from '../src/chapters/13-post-training/trio';

const token = (id: number): Token => ({ id, text: `t${id}`, bytes: [97], special: false });
const tokens = (...ids: number[]) => ids.map(token);
const summary = (slug: string, more: Partial<ModelSummary> = {}) =>
  ({ slug, family: 'llama', n_layers: 6, d_model: 160, has_tokenizer: true, exported: false, ...more }) as ModelSummary;
const details = (slug: string, task?: ModelDetails['task']) => ({ summary: summary(slug), task }) as ModelDetails;

describe('which three', () => {
  it('learnt from as many conversations and pairs as their recipes say', () => {
    const examples = (slug: string) => {
      const recipe = readFileSync(join(__dirname, '../../../model-cache/recipes', `${slug}.yaml`), 'utf8');
      const [steps, batch] = ['steps', 'batch'].map((of) =>
        Number(new RegExp(`^${of}: (\\d+)`, 'm').exec(recipe)?.[1]),
      );
      return steps * batch;
    };
    expect(LAST.conversation + 1).toBe(examples(SHIPPED[1]));
    expect(LAST.pair + 1).toBe(examples(SHIPPED[2]));
  });

  it('are of one make, and one of each task', () => {
    const list = [
      summary('a'),
      summary('deeper', { n_layers: 7 }),
      summary('graph', { exported: true }),
      summary('silent', { has_tokenizer: false }),
      summary('b'),
    ];
    expect(sisters({ family: 'llama', n_layers: 6, d_model: 160 }, list)).toEqual(['a', 'b']);
    const all = [details('p', 'pretrain'), details('i', 'instruct'), details('j', 'instruct'), details('d', 'prefer')];
    expect(trioOf('p', all)).toEqual(['p', 'i', 'd']);
    expect(trioOf('j', all)).toEqual(['p', 'j', 'd']);
    expect(trioOf('p', all.slice(0, 3))).toBeNull();
    expect(trioOf('p', [...all.slice(0, 3), details('x')])).toBeNull();
  });
});

describe('where they part', () => {
  it('is the first token that differs, or the first that only one has', () => {
    expect(parting(tokens(1, 2, 3), tokens(1, 9, 3))).toBe(1);
    expect(parting(tokens(1, 2), tokens(1, 2, 3))).toBe(2);
    expect(parting(tokens(1, 2), tokens(1, 2))).toBeNull();
  });

  it('has the odds of every model for what any of them finds likely', () => {
    const at = (...probs: [number, number][]) =>
      ({
        tokens: [{ alternatives: probs.map(([id, prob]) => ({ id, text: `t${id}`, logit: 0, prob })) }],
      }) as unknown as Logprobs;
    const rows = oddsOf([at([1, 0.6], [2, 0.4]), at([3, 0.9], [1, 0.1])]);
    expect(rows.map((r) => [r.id, r.probs])).toEqual([
      [3, [null, 0.9]],
      [1, [0.6, 0.1]],
      [2, [0.4, null]],
    ]);
  });
});

describe('inside', () => {
  const d = {
    hooks: [
      { hook: 'blocks.1.hook_resid_post', layer: 1, by_position: [0.5, null] },
      { hook: 'blocks.0.hook_resid_post', layer: 0, by_position: [0.1, 0.2] },
      { hook: 'blocks.0.hook_mlp_out', layer: 0, by_position: [9, 9] },
    ],
  } as unknown as Distances;

  it('goes by layer, whatever order the server has', () => {
    expect(apart(d, 'stream')).toEqual([
      [0.1, 0.2],
      [0.5, NaN],
    ]);
    expect(furthest(apart(d, 'stream'), 0)).toBe(1);
    expect(furthest(apart(d, 'stream'), 1)).toBe(0);
    expect(furthest([], 0)).toBeNull();
  });
});

describe('a choice', () => {
  it('is between different answers, the likeliest first, two at a time', () => {
    const all = [
      { tokens: tokens(1), logprob: -3 },
      { tokens: tokens(2), logprob: -1 },
      { tokens: tokens(1), logprob: -3 },
      { tokens: tokens(3), logprob: -2 },
    ];
    const differ = distinct(all);
    expect(differ.map((a) => a.tokens[0].id)).toEqual([2, 3, 1]);
    expect(pairOf(differ, 0)?.map((a) => a.tokens[0].id)).toEqual([2, 3]);
    expect(pairOf(differ, 1)?.map((a) => a.tokens[0].id)).toEqual([1, 2]);
    expect(pairOf(differ.slice(0, 1), 0)).toBeNull();
  });

  it('shows the token that moved most, and a margin as odds', () => {
    const change = {
      by_token: [
        { reference: 0, before: -1, after: -1.1 },
        { reference: 0, before: -3, after: -1 },
      ],
    } as unknown as Parameters<typeof mostMoved>[0];
    expect(mostMoved(change)).toBe(1);
    expect(sigmoid(0)).toBe(0.5);
  });
});

describe('the recording', () => {
  const manifest = recorded.manifest as unknown as RunManifest;
  const answers = recorded.answers as Record<string, unknown>;

  it('is of the bar’s first prompt, and holds every answer that the chapter asks for', async () => {
    expect(saidOf(manifest)).toBe(record.examples[0].prompt);
    expect(manifest.model.slug).toBe(SHIPPED[0]);
    const wanted = await asks(manifest, <A>(ask: Ask<object | null, A>) => Promise.resolve(answers[askKey(ask)] as A));
    expect(wanted.map(askKey).filter((key) => !(key in answers))).toEqual([]);
  });

  it('counts nothing but answers, each to its end', () => {
    for (const [key, answer] of Object.entries(answers)) {
      if (!key.startsWith('/lessons')) continue;
      for (const { messages, lesson } of (answer as { lessons: Taught[] }).lessons) {
        const learnt = lesson.tokens.filter((_, i) => lesson.counts[i]).map((t) => t.text);
        const said = messages.filter((m) => m.role === 'assistant').map((m) => `${m.content}<|end|>`);
        expect(learnt.join('')).toBe(said.join(''));
      }
    }
  });
});

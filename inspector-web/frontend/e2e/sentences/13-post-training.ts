import type { APIRequestContext } from '@playwright/test';
import type { Continuations, Curve, Logprobs, RunManifest } from '../../src/api/types';
import { expect } from '../support';
import { numbersIn, rest, type Sentence } from '../sentence';

const TRIO = ['tales-4m', 'tales-4m-instruct', 'tales-4m-preferred'];

export const prompts = [
  'Once upon a time, a brave mouse named Mia lived in the forest with Uncle. One warm day Mia found a red ball by the river.\n\nWhere did Mia find the ball?',
  'Tom had three apples. Tom gave one apple to Anna.\n\nWho has the apple?',
] as const;

const answer = async (request: APIRequestContext, model: string, run: RunManifest) => {
  const messages = [{ role: 'user', content: run.prompt }];
  const generate = { max_new_tokens: 32, temperature: 0 };
  const all = await rest<Continuations>(request, '/continuations', { request: { model, messages, generate }, n: 1 });
  return { position: all.position, tokens: all.continuations[0].tokens };
};

async function perToken(request: APIRequestContext, model: string, run: RunManifest, of: string): Promise<number> {
  const { position, tokens } = await answer(request, of, run);
  const messages = [{ role: 'user', content: run.prompt }];
  const ids = tokens.map((t) => t.id);
  const body = { request: { model, messages }, tokens: ids, from: position };
  const { logprob } = await rest<Logprobs>(request, '/logprobs', body);
  return Math.exp(logprob / ids.length);
}

const sentences: Sentence[] = [
  {
    says: 'trained',
    holds: async (text, { request }) => {
      const curves = await Promise.all(TRIO.map((m) => rest<Curve>(request, `/models/${m}/curve`)));
      const told = curves.map((c) => {
        const looks = c.val_loss.filter((v) => v !== null);
        return [c.step.at(-1), c.tokens.at(-1), Number(looks[0].toFixed(2)), Number(looks.at(-1)!.toFixed(2))];
      });
      expect(told).toContainEqual(numbersIn(text));
    },
  },
  {
    says: 'saying',
    holds: async (text, { run, request }) => {
      const said = numbersIn(text).map((p) => p / 100);
      const all = await Promise.all(
        TRIO.map(async (m) => [await perToken(request, m, run, m), await perToken(request, m, run, TRIO[2])]),
      );
      const near = all.some((pair) => pair.every((p, i) => Math.abs(p - said[i]) < Math.max(6e-4, 0.06 * p)));
      expect(near, `${text}: ${JSON.stringify(all)}`).toBe(true);
    },
  },
  {
    says: 'part',
    holds: async (text, { run, request }) => {
      const [a, b] = await Promise.all(TRIO.slice(1).map((m) => answer(request, m, run)));
      const at = a.tokens.findIndex((t, i) => t.id !== b.tokens[i]?.id);
      for (const side of [a, b]) expect(text).toContain(side.tokens[at].text.trim());
    },
  },
];
export default sentences;

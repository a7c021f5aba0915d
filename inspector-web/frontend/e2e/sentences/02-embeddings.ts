import type { ModelDetails } from '../../src/api/types';
import { expect } from '../support';
import { captured, near, numbersIn, plain, rest, tellMe, type Sentence } from '../sentence';

function cosine(a: number[], b: number[]): number {
  const dot = (x: number[], y: number[]) => x.reduce((sum, v, i) => sum + v * y[i], 0);
  return dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));
}

const sentences: Sentence[] = [
  { says: 'width', holds: async (text, { run }) => expect(numbersIn(text)).toEqual([run.model.d_model]) },
  {
    says: 'row',
    holds: async (text, { run }) => {
      const [rows, id] = numbersIn(text);
      expect(rows).toBe(run.model.vocab);
      const named = run.tokens.find((t) => t.id === id)!;
      expect(plain(text)).toContain(`“${named.text.trim()}”`);
    },
  },
  {
    says: 'nearest',
    open: tellMe,
    holds: async (text, { page, run, request }) => {
      const tokens = run.tokens.slice(0, run.prompt_length);
      const [told] = numbersIn(text);
      const named = (said: string) => {
        const name = /“(.+?)”/.exec(plain(said))![1].trim();
        return tokens.flatMap((t, i) => (t.text.trim() === name ? [i] : []));
      };
      const width = run.model.d_model;
      const all = await captured(request, run, 'hook_embed');
      const row = (at: number) => all.slice(at * width, (at + 1) * width);
      // A name may be of two tokens, with a space before it and without.
      const asked = named(await page.getByTestId('guess').innerText());
      const [at, found] = asked
        .flatMap((a) => named(text).map((b) => [a, b]))
        .find(([a, b]) => Math.abs(cosine(row(a), row(b)) - told) < 1e-3)!;
      const others = tokens.flatMap((t, i) => (/\p{L}/u.test(t.text) && t.id !== tokens[at].id ? [i] : []));
      near(Math.max(...others.map((i) => cosine(row(i), row(at)))), cosine(row(found), row(at)));
    },
  },
  {
    says: 'back',
    holds: async (text, { run, request }) => {
      const { spec } = await rest<ModelDetails>(request, `/models/${run.model.slug}`);
      expect(text).toContain(spec.tied ? 'the same table' : 'a second table');
    },
  },
];
export default sentences;

import type { Tokenized } from '../../src/api/types';
import { expect } from '../support';
import { captured, highest, near, numbersIn, rest, shares, tellMe, type At, type Sentence } from '../sentence';

/** The model's shares after the prompt's last token. */
const next = async ({ request, run }: At, temperature = 1) =>
  shares(await captured(request, run, 'logits', `pos=${run.prompt_length - 1}`), temperature);

const named = async ({ request, run }: At, id: number) =>
  (await rest<Tokenized>(request, '/detokenize', { model: run.model.slug, tokens: [id] })).tokens[0].text.trim();

const percent = (found: number, share: number) => expect(Math.abs(found / 100 - share)).toBeLessThan(6e-4);

const sentences: Sentence[] = [
  { says: 'scores', holds: async (text, { run }) => expect(numbersIn(text)).toEqual([run.model.vocab]) },
  {
    says: 'first',
    holds: async (text, at) => {
      const p = await next(at);
      const top = highest(p);
      expect(text).toContain(await named(at, top));
      const entropy = -p.reduce((sum, v) => sum + (v > 0 ? v * Math.log(v) : 0), 0);
      const [share, nats, equal] = numbersIn(text);
      percent(share, p[top]);
      near(nats, entropy);
      expect(Math.abs(equal - Math.exp(entropy))).toBeLessThan(0.06);
    },
  },
  {
    says: 'hot',
    open: tellMe,
    holds: async (text, at) => {
      const [cool, hot] = [await next(at), await next(at, 2)];
      const among = cool.map((_, i) => i).sort((a, b) => cool[b] - cool[a]);
      const gains = among.slice(0, 8).map((id) => hot[id] - cool[id]);
      const most = among[highest(gains)];
      const [before, after] = numbersIn(text).slice(-2);
      percent(before, cool[most]);
      percent(after, hot[most]);
    },
  },
  {
    says: 'gained',
    open: tellMe,
    holds: async (text, at) => {
      const [cool, hot] = [await next(at), await next(at, 2)];
      const gains = cool.map((p, i) => hot[i] - p).filter((gain) => gain > 0);
      const [many, all, mass] = numbersIn(text);
      expect(all).toBe(at.run.model.vocab);
      expect(Math.abs(many - gains.length)).toBeLessThanOrEqual(1);
      percent(
        mass,
        gains.reduce((sum, v) => sum + v, 0),
      );
    },
  },
  {
    says: 'tail',
    holds: async (text, at) => {
      const small = (await next(at)).filter((v) => v < 1e-3);
      const [many, all, mass] = numbersIn(text);
      expect(all).toBe(at.run.model.vocab);
      expect(Math.abs(many - small.length)).toBeLessThanOrEqual(1);
      percent(
        mass,
        small.reduce((sum, v) => sum + v, 0),
      );
    },
  },
];
export default sentences;

import type { APIRequestContext, Page } from '@playwright/test';
import type { RunManifest, Tokenizations, Tokenized } from '../../src/api/types';
import { expect } from '../support';
import { numbersIn, rest, tellMe, type Sentence } from '../sentence';

const cut = (request: APIRequestContext, run: RunManifest, text = run.prompt!) =>
  rest<Tokenized>(request, '/tokenize', { model: run.model.slug, text });
const bytesOf = (text: string) => new TextEncoder().encode(text).length;

async function panel(page: Page, name: string): Promise<void> {
  await page.getByTestId('figure-cutting').getByText(name, { exact: true }).click();
}

const ENGLISH = 'The sun rises over the sea.';
const OTHERS: [script: string, text: string][] = [
  ['Russian', 'Солнце встаёт над морем.'],
  ['Hindi', 'सूरज समुद्र के ऊपर उगता है।'],
  ['Arabic', 'تشرق الشمس فوق البحر.'],
  ['Chinese', '太阳从海上升起。'],
];

const sentences: Sentence[] = [
  {
    says: 'vocabulary',
    holds: async (text, { run }) => expect(numbersIn(text)).toEqual([run.model.vocab]),
  },
  {
    says: 'cut',
    holds: async (text, { run, request }) => {
      const { tokens } = await cut(request, run);
      const carrying = tokens.filter((t) => t.text.length > 1 && t.text[0] === ' ' && t.text[1] !== ' ').length;
      expect(numbersIn(text)).toEqual([[...run.prompt!].length, tokens.length, ...(carrying ? [carrying] : [])]);
    },
  },
  {
    says: 'bytes',
    holds: async (text, { run, request }) => {
      const { tokens } = await cut(request, run);
      expect(numbersIn(text)).toEqual([bytesOf(run.prompt!), tokens.length]);
    },
  },
  {
    says: 'most',
    open: tellMe,
    holds: async (text, { run, request }) => {
      const { tokens } = await cut(request, run);
      const inside = (from: number, to: number) => tokens.filter((t) => t.start! < to && t.end! > from).length;
      const words = [...run.prompt!.matchAll(/[A-Za-z]+|[^A-Za-z\s]/g)].map((m) => ({
        text: m[0],
        pieces: inside(m.index, m.index + m[0].length),
      }));
      const most = Math.max(...words.map((w) => w.pieces));
      const named = words.find((w) => text.includes(`“${w.text}”`))!;
      expect(named.pieces).toBe(most);
      expect(text).toContain(String(most));
    },
  },
  {
    says: 'sizes',
    open: (page) => panel(page, 'Words or bytes?'),
    holds: async (text, { run, request }) => {
      const own = (await cut(request, run)).tokens.filter((t) => !t.special).length;
      if (text.includes('times as much')) {
        expect(numbersIn(text)).toEqual([256, Number((bytesOf(run.prompt!) / own).toFixed(1))]);
      } else if (text.includes('A step for each')) {
        expect(numbersIn(text)).toEqual([run.model.vocab, Number((bytesOf(run.prompt!) / own).toFixed(1))]);
      } else {
        const [whole, words] = numbersIn(text);
        expect(words).toBe(run.prompt!.match(/[A-Za-z]+|[^A-Za-z\s]/g)!.length);
        expect(whole).toBeLessThanOrEqual(words);
      }
    },
  },
  {
    says: 'merge',
    open: (page) => panel(page, 'Merges'),
    holds: async (text, { run, request }) => {
      const told = await rest<Tokenizations>(request, '/tokenizations', {
        text: run.prompt,
        with: [{ model: run.model.slug, add_special_tokens: false }],
        trace: true,
      });
      const ends = told.tokenizations[0].merges!.map((piece) => {
        const symbols = piece.symbols.map((s) => s.id);
        for (const m of piece.merges) symbols.splice(m.at, 2, m.result.id);
        return symbols.join(', ');
      });
      expect(ends).toContain(/numbers? ([\d, ]+)\.$/.exec(text)![1]);
    },
  },
  {
    says: 'apart',
    open: (page) => panel(page, 'Other tokenizers'),
    holds: async (text, { run, request }) => {
      const encodings = ['cl100k_base', 'o200k_base'];
      const model = run.model.slug;
      const own = await rest<Tokenized>(request, '/tokenize', { model, text: run.prompt, add_special_tokens: false });
      const known = new Set(own.tokens.map((t) => `${t.start}-${t.end}`));
      const apart = await Promise.all(
        encodings.map(async (encoding) => {
          const other = await rest<Tokenized>(request, '/tokenize', { encoding, text: run.prompt });
          return other.tokens.filter((t) => !known.has(`${t.start}-${t.end}`)).length;
        }),
      );
      if (text.startsWith('The same cuts')) expect(apart).toContain(0);
      else expect(apart).toContain(Number.parseInt(text.replaceAll(',', ''), 10));
    },
  },
  {
    says: 'dearest',
    open: (page) => panel(page, 'Scripts'),
    holds: async (text, { run, request }) => {
      const model = run.model.slug;
      const long = async (said: string) =>
        (await rest<Tokenized>(request, '/tokenize', { model, text: said, add_special_tokens: false })).tokens.length;
      const english = await long(ENGLISH);
      const others = await Promise.all(OTHERS.map(async ([script, said]) => [script, await long(said)] as const));
      const [script, most] = others.reduce((a, b) => (b[1] > a[1] ? b : a));
      expect(text).toContain(script);
      expect(numbersIn(text).slice(-3)).toEqual([most, Number((most / english).toFixed(1)), english]);
    },
  },
  {
    says: 'broken',
    open: async (page) => {
      await panel(page, 'Scripts');
      await page.getByTestId('scripts').getByRole('button', { name: /Hindi/ }).click();
    },
    holds: async (text, { run, request }) => {
      const model = run.model.slug;
      const said = OTHERS[1][1];
      const { tokens } = await rest<Tokenized>(request, '/tokenize', { model, text: said, add_special_tokens: false });
      const parts = tokens.filter((t) => tokens.some((o) => o !== t && o.start! < t.end! && t.start! < o.end!));
      expect(numbersIn(text)[0]).toBe(parts.length);
    },
  },
  {
    says: 'around',
    open: (page) => panel(page, 'Around it'),
    holds: async (text, { run, request }) => {
      const model = run.model.slug;
      const all = await rest<Tokenized>(request, '/tokenize', { model, text: run.prompt });
      const bare = await rest<Tokenized>(request, '/tokenize', { model, text: run.prompt, add_special_tokens: false });
      const added = all.tokens.length - bare.tokens.length;
      if (added === 0) expect(text).toContain('Nothing is put around');
      else if (added === 1) expect(text).toContain('1 token is not yours');
      else expect(text).toContain(`${added} tokens are not yours`);
    },
  },
];
export default sentences;

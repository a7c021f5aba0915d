/** What the Steer tab asks of REST, and what its numbers say. Pure. */
import type {
  Direction,
  DirectionRequest,
  Intervention,
  RunManifest,
  RunRequest,
  Shift,
  Token,
} from '../../../api/types';
import { brief, plural, short } from '../../../kit/text/format';
import { called, parseIds } from '../../../kit/text/tokens';
import { amount, choice, flag, text, whole, type Values } from '../../../state/params';

/** The tab's own names in the address. */
export const STEER = {
  /** Texts that the direction leads to and away from, one a line. */
  toward: text(),
  away: text(),
  said: text(),
  /** The prompt is a text, though the model answers turns. */
  textual: flag(),
  after: whole(),
  op: choice('add_along', 'scale_along', 'cap_along', 'add'),
  by: amount(),
};
export type Steer = Values<typeof STEER>;
export type Op = Steer['op'];

/** Two groups of texts, a prompt, and a strength. */
export interface Example {
  toward: string;
  away: string;
  said: string;
  by: number;
}

const TALES: Example = {
  toward: 'a careful girl named Mia. She\na kind girl named Anna. She\na proud girl named Lily. She',
  away: 'a careful boy named Ben. He\na kind boy named Tom. He\na proud boy named Max. He',
  said: 'Once upon a time there lived a',
  by: -0.4,
};
const PLAIN: Example = {
  toward: 'I love this. It is wonderful\nWhat a beautiful day. I am so happy\nThank you, that was very kind',
  away: 'I hate this. It is terrible\nWhat an awful day. I am so sad\nGo away, that was very rude',
  said: 'Yesterday I went to the park, and',
  by: 0.3,
};
const IDS: Example = { toward: '5 1 7\n6 2 7', away: '8 3 9\n4 3 9', said: '5 1 7', by: 0.5 };

export function exampleOf(slug: string | null, hasTokenizer: boolean): Example {
  if (!hasTokenizer) return IDS;
  return slug?.startsWith('tales-4m') ? TALES : PLAIN;
}

export const linesOf = (text: string): string[] => text.split('\n').filter((line) => line.trim() !== '');

/** What keeps a direction from being made, in a sentence; null where nothing does. */
export function wrongOf(toward: string, away: string, said: string, hasTokenizer: boolean): string | null {
  if (linesOf(toward).length === 0) return 'Write a text that the direction leads to.';
  if (linesOf(away).length === 0) return 'Write a text that it leads away from.';
  if (said === '') return 'Write a prompt.';
  if (hasTokenizer) return null;
  const ids = [...linesOf(toward), ...linesOf(away), said].map((l) => parseIds(l).wrong).find((w) => w);
  return ids ? `${ids}.` : null;
}

export interface Where {
  model: string;
  engine: string;
  precision: RunRequest['precision'];
  hasTokenizer: boolean;
}

export const hookOf = (layer: number): string => `blocks.${layer}.hook_resid_post`;

export function directionRequest(w: Where, toward: string, away: string, layer: number): DirectionRequest {
  const texts = (t: string) => linesOf(t).map((l) => (w.hasTokenizer ? l : parseIds(l).ids));
  return {
    model: w.model,
    engine: w.engine,
    precision: w.precision,
    positive: texts(toward),
    negative: texts(away),
    hook: hookOf(layer),
  };
}

const LONGEST = 40;

/** A greedy run of the prompt. */
export function runRequest(w: Where, said: string, chat: boolean, interventions: Intervention[]): RunRequest {
  const prompt = !w.hasTokenizer
    ? { tokens: parseIds(said).ids }
    : chat
      ? { messages: [{ role: 'user', content: said }] }
      : { prompt: said };
  return {
    model: w.model,
    engine: w.engine,
    precision: w.precision,
    ...prompt,
    ...(interventions.length > 0 ? { interventions } : {}),
    generate: { max_new_tokens: LONGEST, temperature: 0 },
    name: interventions.length > 0 ? 'steered in the Lab' : 'unsteered in the Lab',
  };
}

/** The change of the run; `add` puts in a multiple of the difference itself. */
export function changeOf(d: Direction, op: Op, by: number): Intervention {
  if (op === 'add') return { hook: d.hook, op, values: d.values.map((v) => v * by) };
  return { hook: d.hook, op, values: d.values, value: by };
}

export interface Range {
  min: number;
  max: number;
  step: number;
  /** Where nothing is changed. */
  neutral: number | null;
}

/** What the slider goes over. A cap lies among the components of the texts. */
export function rangeOf(op: Op, d: Direction | null): Range {
  if (op === 'add_along') return { min: -1, max: 1, step: 0.05, neutral: 0 };
  if (op === 'scale_along') return { min: -3, max: 3, step: 0.1, neutral: 1 };
  if (op === 'add') return { min: -3, max: 3, step: 0.1, neutral: 0 };
  const all = d ? [...d.positive, ...d.negative] : [0];
  const [lo, hi] = [Math.min(...all), Math.max(...all)];
  const step = 10 ** Math.floor(Math.log10(Math.max(hi - lo, 1e-6) / 20));
  const round = (x: number, to: (x: number) => number) => Number((to(x / step) * step).toPrecision(12));
  return { min: round(lo - (hi - lo), Math.floor), max: round(hi, Math.ceil), step, neutral: null };
}

/** The strength before a reader chooses one. */
export function standard(op: Op, example: Example, range: Range): number {
  if (op === 'add_along') return example.by;
  if (op === 'scale_along') return 0;
  if (op === 'add') return Math.sign(example.by);
  return range.min;
}

export const OPS: [Op, string][] = [
  ['add_along', 'Add, by norm'],
  ['scale_along', 'Scale or remove'],
  ['cap_along', 'Cap'],
  ['add', 'Add the difference'],
];

/** The slider's value in words. */
export function strength(op: Op, by: number): string {
  const x = short(Number(by.toPrecision(6)));
  if (op === 'add_along') return by === 0 ? 'off' : `${x} × norm`;
  if (op === 'scale_along') return by === 0 ? 'removed' : by === 1 ? 'off' : `× ${x}`;
  if (op === 'add') return by === 0 ? 'off' : `${x} × difference`;
  return `at most ${x}`;
}

/** Which tokens of two continuations are not in their longest common subsequence. */
export function differing(a: number[], b: number[]): [boolean[], boolean[]] {
  const long = a.map(() => new Array<number>(b.length + 1).fill(0));
  long.push(new Array<number>(b.length + 1).fill(0));
  for (let i = a.length - 1; i >= 0; i--) {
    for (let j = b.length - 1; j >= 0; j--) {
      long[i][j] = a[i] === b[j] ? 1 + long[i + 1][j + 1] : Math.max(long[i + 1][j], long[i][j + 1]);
    }
  }
  const marks: [boolean[], boolean[]] = [a.map(() => true), b.map(() => true)];
  for (let i = 0, j = 0; i < a.length && j < b.length;) {
    if (a[i] === b[j]) [marks[0][i++], marks[1][j++]] = [false, false];
    else if (long[i + 1][j] >= long[i][j + 1]) i++;
    else j++;
  }
  return marks;
}

export const made = (m: RunManifest): Token[] => m.tokens.slice(m.prompt_length);

/** The first position at which two continuations part, as words; what ended is said so. */
export function title(without: Token[], steered: Token[], what: string): string {
  const first = without.findIndex((t, i) => t.id !== steered[i]?.id);
  const at = first < 0 && steered.length > without.length ? without.length : first;
  if (at < 0) return `${what}: the same ${plural(without.length, 'token')}`;
  const name = (t: Token | undefined) => (t ? called(t) : 'the end');
  return `${what}: ${name(without[at])} becomes ${name(steered[at])}`;
}

/** How far the texts lie apart along the direction, and how far the answers do. */
export function says(d: Direction, shift: Shift | null, marks: boolean[]): string[] {
  const span = (xs: number[]) =>
    xs.length === 1 ? brief(xs[0]) : `${brief(Math.min(...xs))} to ${brief(Math.max(...xs))}`;
  const changed = marks.filter(Boolean).length;
  return [
    `the means of the two groups lie ${short(d.norm)} apart where vectors have norm ${short(d.mean_norm)}: along the direction the first group has ${span(d.positive)}, the second ${span(d.negative)}`,
    ...(shift ? [`KL divergence of the next token ${short(shift.kl)} nats`] : []),
    `${plural(changed, 'token')} of the ${plural(marks.length, 'steered token')} differ${changed === 1 ? 's' : ''}`,
  ];
}

/** The metric as a reader writes it: the tokens of a field, and what is sent of it. Pure. */
import type { AnalysisRequest } from './paired';
import type { Look } from './address';

export type Metric = NonNullable<AnalysisRequest['metric']>;
export type Measure = Look['measure'];

/** What the numbers are called in the control. */
export const MEASURES: [Measure, string][] = [
  ['auto', 'as the server chooses'],
  ['logit_diff', 'difference of logits'],
  ['logit', 'logit'],
  ['prob', 'probability'],
  ['nll', 'negative log-likelihood'],
  ['kl', 'KL divergence'],
  ['rank', 'rank'],
];

/** What stands between the tokens of a field; a token with this sign has to be left to REST. */
const BETWEEN = '|';

/** The tokens of a field, spaces and all; null where it is empty. */
export function tokensOfField(field: string | null): string[] | null {
  const found = (field ?? '').split(BETWEEN).filter((t) => t !== '');
  return found.length > 0 ? found : null;
}

export const fieldOf = (tokens: string[] | undefined): string | null => tokens?.join(BETWEEN) ?? null;

/** Whether answers are named for a number, and against which. */
export const takesAnswers = (m: Measure): boolean => m !== 'kl';
export const takesAgainst = (m: Measure): boolean => m === 'auto' || m === 'logit_diff';

/** What is sent, or nothing where all is the server's choice. Without a tokenizer tokens are ids. */
export function metricOf(look: Look, texts: boolean): { metric?: Metric } {
  const { measure, reads } = look;
  const answers = takesAnswers(measure) ? tokensOfField(look.answers) : null;
  const against = takesAgainst(measure) ? tokensOfField(look.against) : null;
  const of = (name: 'answers' | 'against', tokens: string[] | null): Metric =>
    tokens === null
      ? {}
      : texts
        ? { [name]: tokens }
        : { [name === 'answers' ? 'answer_ids' : 'against_ids']: tokens.map(Number) };
  const metric: Metric = {
    ...(measure === 'auto' ? {} : { name: measure }),
    ...of('answers', answers),
    ...of('against', against),
    ...(reads === null ? {} : { pos: reads }),
  };
  return Object.keys(metric).length > 0 ? { metric } : {};
}

/** What is not an id where tokens have no texts, in a sentence. */
export function wrongIds(look: Look): string | null {
  for (const field of [look.answers, look.against]) {
    const odd = tokensOfField(field)?.find((t) => !/^\s*\d+\s*$/.test(t));
    if (odd !== undefined) return `“${odd}” is not a token id.`;
  }
  return null;
}

/** The settings that ask for a kept analysis' metric again. */
export function metricSettings(m: Metric | undefined): Pick<Look, 'measure' | 'answers' | 'against' | 'reads'> {
  return {
    measure: m?.name ?? 'auto',
    answers: fieldOf(m?.answers ?? m?.answer_ids?.map(String)),
    against: fieldOf(m?.against ?? m?.against_ids?.map(String)),
    reads: m?.pos ?? null,
  };
}

/** The requests of chapter 13, shared by the page and its recording. */
import type {
  Curve,
  Continuations,
  ContinuationsRequest,
  Distances,
  DistancesRequest,
  Lessons,
  LessonsRequest,
  Logprobs,
  LogprobsRequest,
  Message,
  RunManifest,
  Token,
} from '../../api/types';
import type { Ask } from '../../state/scene';
import { parting, VALUES, type Trio } from './trio';

/** The three that ship: what the recording shows. */
export const SHIPPED: Trio = ['tales-4m', 'tales-4m-instruct', 'tales-4m-preferred'];
/** Numbers of the last conversation and the last pair that these learnt from: updates times the batch, from 0. */
export const LAST = { conversation: 750 * 4 - 1, pair: 100 * 8 - 1 };
/** Tokens of an answer at most. */
export const LONGEST = 32;
/** Answers that are drawn for a choice. */
export const DRAWN = 12;
/** Tokens of the vocabulary that are listed at a place. */
const LISTED = 50;

export const chat = (said: string): Message[] => [{ role: 'user', content: said }];

/** What the user says: the prompt, or what its tokens read as. */
export function saidOf(m: RunManifest): string {
  const ids = m.tokens.slice(0, m.prompt_length).filter((t) => !t.special);
  return m.request.prompt ?? ids.map((t) => t.text).join('');
}

/** What a model answers, always its most probable token. */
export const written = (slug: string, said: string): Ask<ContinuationsRequest, Continuations> => ({
  path: '/continuations',
  body: {
    request: { model: slug, messages: chat(said), generate: { max_new_tokens: LONGEST, temperature: 0 } },
    n: 1,
  },
});

/** Several answers as chance has them. */
export const drawn = (slug: string, said: string): Ask<ContinuationsRequest, Continuations> => ({
  path: '/continuations',
  body: {
    request: { model: slug, messages: chat(said), generate: { max_new_tokens: LONGEST, temperature: 1, seed: 1 } },
    n: DRAWN,
  },
});

/** How likely a token is after some of an answer, and what is likelier. */
export const oddsAt = (
  slug: string,
  said: string,
  position: number,
  before: Token[],
  next: number,
): Ask<LogprobsRequest, Logprobs> => ({
  path: '/logprobs',
  body: {
    request: { model: slug, messages: chat(said) },
    tokens: [...before.map((t) => t.id), next],
    from: position + before.length,
    top: LISTED,
  },
});

/** How a model was trained, in a few rows. */
export const curveOf = (slug: string): Ask<null, Curve> => ({
  path: `/models/${encodeURIComponent(slug)}/curve?points=2`,
  body: null,
});

/** How likely a model finds an answer to the question. */
export const sayingOf = (
  slug: string,
  said: string,
  position: number,
  answer: Token[],
): Ask<LogprobsRequest, Logprobs> => ({
  path: '/logprobs',
  body: {
    request: { model: slug, messages: chat(said) },
    tokens: answer.map((t) => t.id),
    from: position,
    top: 1,
  },
});

/** How far two models lie apart inside as they read the question. */
export const distances = (a: string, b: string, said: string): Ask<DistancesRequest, Distances> => ({
  path: '/distances',
  whole: true,
  body: {
    a: { model: a, messages: chat(said) },
    b: { model: b },
    hooks: Object.values(VALUES).map((h) => `blocks.*.${h}`),
  },
});

/** Which tokens count where this is the answer. */
export const lessonOf = (slug: string, said: string, answer: string): Ask<LessonsRequest, Lessons> => ({
  path: '/lessons',
  whole: true,
  body: { model: slug, messages: [...chat(said), { role: 'assistant', content: answer }] },
});

/** Which tokens of a training conversation counted. */
export const trained = (slug: string, number: number): Ask<LessonsRequest, Lessons> => ({
  path: '/lessons',
  whole: true,
  body: { model: slug, conversation: number },
});

/** Two answers of a training pair, the better one first. */
export const pairNumber = (slug: string, number: number): Ask<LessonsRequest, Lessons> => ({
  path: '/lessons',
  whole: true,
  body: { model: slug, preference: number },
});

export type Taught = Lessons['lessons'][number];

/** How probable a lesson's last answer is to a model. */
export function answerOdds(slug: string, taught: Taught): Ask<LogprobsRequest, Logprobs> {
  const ids = taught.lesson.tokens.map((t) => t.id);
  const from = taught.lesson.counts.lastIndexOf(false) + 1;
  return {
    path: '/logprobs',
    body: { request: { model: slug, tokens: ids.slice(0, from) }, tokens: ids.slice(from), top: 1 },
  };
}

/** What the recording of the first example holds. */
export async function asks(m: RunManifest, answer: <A>(ask: Ask<object | null, A>) => Promise<A>): Promise<Ask[]> {
  const said = saidOf(m);
  const texts = await Promise.all(SHIPPED.map((slug) => answer(written(slug, said))));
  const [first, second, third] = texts.map((t) => t.continuations[0]);
  const all: Ask[] = SHIPPED.map((slug) => written(slug, said));
  for (const [a, b] of [
    [first, second],
    [second, third],
  ]) {
    const at = parting(a.tokens, b.tokens);
    const next = b.tokens[at ?? 0] ?? a.tokens[at ?? 0];
    if (at === null) continue;
    for (const slug of SHIPPED) all.push(oddsAt(slug, said, texts[0].position, b.tokens.slice(0, at), next.id));
  }
  const pair = pairNumber(SHIPPED[1], 0);
  const { lessons } = await answer(pair);
  return [
    ...all,
    distances(SHIPPED[0], SHIPPED[1], said),
    distances(SHIPPED[1], SHIPPED[2], said),
    ...SHIPPED.map(curveOf),
    ...SHIPPED.flatMap((slug, i) =>
      [texts[i].continuations[0], third].map((a) => sayingOf(slug, said, texts[0].position, a.tokens)),
    ),
    lessonOf(SHIPPED[1], said, second.text),
    trained(SHIPPED[1], 0),
    pair,
    ...lessons.flatMap((l) => [answerOdds(SHIPPED[1], l), answerOdds(SHIPPED[2], l)]),
    drawn(SHIPPED[1], said),
  ];
}

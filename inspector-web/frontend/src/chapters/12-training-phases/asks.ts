/** The requests of chapter 12, shared by the page and its recording. */
import type { Checkpoint, Clock, Curve, Heads, HeadsRepeated, RunManifest, RunRequest, Waves } from '../../api/types';
import { lossEvidence } from '../../state/evidence';
import type { Ask } from '../../state/scene';
import { firstRight, statesOf } from './life';

/** Tokens that each state writes. */
const NEW = 16;
const SHOWN = 6;
/** Rows of a curve beside the looks at held-out examples. */
const POINTS = 300;
/** Cells per side of a head's small picture. */
const CELLS = 16;
/** The model that learnt to add on a clock. */
export const CLOCK = 'grokking';

/** The number that stays while the other goes round. */
const SECOND = 7;

export interface Pictures {
  shape: number[];
  /** [layer, head, query, key] */
  values: number[][][][];
}

const at = (slug: string) => `/models/${encodeURIComponent(slug)}`;

export function checkpointsOf(slug: string): Ask<null, { checkpoints: Checkpoint[] }> {
  return { path: `${at(slug)}/checkpoints`, body: null };
}

export function curveOf(slug: string): Ask<null, Curve> {
  return { path: `${at(slug)}/curve?points=${POINTS}`, body: null };
}

/** What a state makes of the prompt: its next token, and what it writes. */
export function runOf(m: RunManifest, slug: string): Ask<RunRequest, RunManifest> {
  const tokens = m.tokens.slice(0, m.prompt_length).map((t) => t.id);
  const generate = { max_new_tokens: NEW, greedy: true, alternatives: SHOWN };
  return { path: '/runs', whole: true, body: { model: slug, tokens, generate } };
}

/** The same prompt or another text, as a person would put it to any model. */
export function saidBy(
  slug: string,
  said: Pick<RunRequest, 'prompt' | 'tokens' | 'messages'>,
): Ask<RunRequest, RunManifest> {
  const generate = { max_new_tokens: 2 * NEW, greedy: true, alternatives: SHOWN };
  return { path: '/runs', whole: true, body: { model: slug, ...said, generate } };
}

export function headsOf(run: string): Ask<object, Heads> {
  return { path: '/heads', body: { run } };
}

export function repeatedOf(slug: string): Ask<object, HeadsRepeated> {
  return { path: '/heads/repeated', whole: true, body: { model: slug, seed: 0 } };
}

export function patternsOf(run: string): Ask<null, Pictures> {
  return { path: `/runs/${encodeURIComponent(run)}/patterns?size=${CELLS}`, body: null };
}

export function wavesOf(slug: string): Ask<object, Waves> {
  return { path: '/embeddings/waves', whole: true, body: { model: slug, planes: 0 } };
}

/** One number goes round, the other stays: what the model answers, and which neurons go round too. */
export function clockOf(slug: string): Ask<object, Clock> {
  return { path: '/clock', whole: true, body: { model: slug, second: SECOND } };
}

/** What the first example's recording holds: every state's run and heads, one state's patterns, and the clock. */
export async function asks(m: RunManifest, answer: <A>(ask: Ask<object | null, A>) => Promise<A>): Promise<Ask[]> {
  const slug = m.model.slug;
  const [{ checkpoints }, curve] = await Promise.all([answer(checkpointsOf(slug)), answer(curveOf(slug))]);
  const states = statesOf(slug, checkpoints, curve);
  const runs: Record<string, RunManifest> = {};
  for (const s of states) runs[s.slug] = await answer(runOf(m, s.slug));
  const first = states.find((s) => s.step === firstRight(states, runs)) ?? states[0];
  const clock = statesOf(CLOCK, (await answer(checkpointsOf(CLOCK))).checkpoints, await answer(curveOf(CLOCK)));
  return [
    ...states.map((s) => repeatedOf(s.slug)),
    lossEvidence(m.id),
    headsOf(runs[first.slug].id),
    patternsOf(runs[first.slug].id),
    ...clock.flatMap((s) => [wavesOf(s.slug), clockOf(s.slug)]),
  ];
}

import { tokenId } from '../token';
import { api } from '../../../api/client';
import type { HeadEffects, RunManifest, RunRequest, Token } from '../../../api/types';
import { resource } from '../../../kit/data/resource.svelte';
import { BackgroundRun } from '../../../state/background.svelte';
import { models } from '../../../state/models.svelte';
import { look } from '../address';
import { nameless, sent, type Lab } from '../lab.svelte';
import { takesAgainst, tokensOfField } from '../metric';
import { taken, type Taken } from './parts';

/** What the Parts tab shows: a run's logit taken apart, and of which tokens. */
export interface Answered {
  run: RunManifest;
  answer: Token;
  against: Token | null;
  pos: number;
  taken: Taken;
  /** The question whose answer the parts are. */
  body: { run: string; pos: number; token: number; against?: number };
  /** Tokens of the metric that are not in it. */
  left: number;
}

/** The clean or the corrupt run of the Lab, an ordinary run that is found again or made, and its logit part by part. */
export class Parts {
  readonly runs = new BackgroundRun(api);
  /** A reader ended it. */
  stopped = $state(false);
  readonly #lab: Lab;

  constructor(lab: Lab) {
    this.#lab = lab;
  }

  readonly answered = resource<Answered>(() => {
    const { parts_of, answers, against, measure, reads, lab } = look();
    const { clean, corrupt, ready } = this.#lab;
    const { slug, engine, precision } = models;
    if (lab !== 'parts' || !slug || !ready || this.stopped) return null;
    const common = { model: slug, engine, precision };
    const texts = models.hasTokenizer;
    return async (signal) => {
      const run = async (text: string) => {
        const made = await this.#made({ ...common, ...sent(text), capture: [] });
        signal.throwIfAborted();
        return made;
      };
      const mine = await run(parts_of === 'clean' ? clean : corrupt);
      const pos = at(reads, mine.prompt_length);
      const effects = (of: string, token?: number, less?: number) =>
        api.ask<HeadEffects>('/heads/effects', { run: of, pos, token, against: less }, signal);
      const named = await idsOf(slug, tokensOfField(answers), texts, signal);
      const others = takesAgainst(measure) ? await idsOf(slug, tokensOfField(against), texts, signal) : [];
      // Where none is named they are the two runs' own answers.
      const own = async (text: string) => (await effects((await run(text)).id)).id;
      const token = named[0] ?? (await own(clean));
      const second = takesAgainst(measure) && corrupt !== '' ? (others[0] ?? (await own(corrupt))) : null;
      const less = second === token ? undefined : (second ?? undefined);
      const first = await effects(mine.id, token, less);
      const both =
        first.softcap && less !== undefined
          ? await Promise.all([effects(mine.id, token), effects(mine.id, less)])
          : null;
      const ids = less === undefined ? [token] : [token, less];
      const [answer, than] = texts ? (await api.detokenize(slug, ids, signal)).tokens : ids.map(nameless);
      return {
        run: mine,
        answer,
        against: than ?? null,
        pos,
        taken: both ? taken(both[0], both[1]) : taken(first, null),
        body: { run: mine.id, pos, token, ...(less === undefined ? {} : { against: less }) },
        left: Math.max(0, named.length - 1) + Math.max(0, others.length - 1),
      };
    };
  });

  stop(): void {
    this.stopped = true;
    void this.runs.cancel();
  }

  async #made(request: RunRequest): Promise<RunManifest> {
    const made = await this.runs.make(request);
    if (made) return made.manifest;
    throw this.runs.problem ?? new DOMException('another run is made', 'AbortError');
  }
}

/** The position counted from the front, as the server counts it; it refuses one that is not there. */
const at = (reads: number | null, length: number): number =>
  reads === null ? length - 1 : reads < 0 ? length + reads : reads;

async function idsOf(slug: string, tokens: string[] | null, texts: boolean, signal: AbortSignal): Promise<number[]> {
  if (!tokens) return [];
  if (!texts) return tokens.map(Number);
  return Promise.all(tokens.map((t) => tokenId(slug, t, signal)));
}

import { untrack } from 'svelte';
import { api } from '../../api/client';
import { Problem, isAbort } from '../../api/problem';
import type { AnalysisProgress, RunRequest, Token } from '../../api/types';
import { paired, type Analysis, type AnalysisRequest } from './paired';
import { lastTime, remember } from '../../kit/data/lasttime';
import { resource } from '../../kit/data/resource.svelte';
import { parseIds } from '../../kit/text/tokens';
import { models } from '../../state/models.svelte';
import { page } from '../../state/page.svelte';
import { look, set } from './address';
import { wrongIds } from './metric';
import { answers, examplesOf, requestOf, settingsOf, type Pair } from './requests';
import { differing, unequal } from './words';

const TYPING_MS = 180;
/** Kept analyses that are looked through for the answer to a request. */
const LISTED = 100;
const LOOKED_AT = 8;

/** What is under way. */
export interface LiveAnalysis {
  ahead: number;
  progress: AnalysisProgress | null;
  startedAt: number;
  lastTook: number | null;
}

/** The two prompts, what is asked of them, and the analysis on show. */
export class Lab {
  live = $state.raw<LiveAnalysis | null>(null);
  problem = $state.raw<Problem | null>(null);
  analysis = $state.raw<Analysis | null>(null);
  /** A kept analysis that was opened and is not of two runs. */
  other = $state.raw<{ id: string; request: { kind: string } } | null>(null);
  /** A reader ended it. */
  stopped = $state(false);
  /** The prompts while they are typed. */
  typed = $state.raw<{ clean: string; corrupt: string } | null>(null);
  #controller: AbortController | null = null;
  #asked = '';

  readonly #example = $derived(examplesOf(models.slug)[0]);
  /** A reader's own clean prompt is changed into the corrupt one. */
  readonly #own = $derived(look().clean !== null && look().clean !== this.#example?.clean);
  readonly said = $derived({
    clean: look().clean ?? this.#example?.clean ?? '',
    corrupt: look().corrupt ?? (this.#own ? (look().clean ?? '') : (this.#example?.corrupt ?? '')),
  });
  readonly clean: string = $derived(this.typed?.clean ?? this.said.clean);
  readonly corrupt: string = $derived(this.typed?.corrupt ?? this.said.corrupt);
  readonly edited: boolean = $derived(this.clean !== this.said.clean || this.corrupt !== this.said.corrupt);
  readonly alone: boolean = $derived(look().lab === 'restore');

  readonly #cut = resource<{ of: string; clean: Token[]; corrupt: Token[] }>(() => {
    const [slug, clean, corrupt, quiet] = [models.slug, this.clean, this.corrupt, this.edited];
    if (!slug || !models.loaded || !models.known || clean === '') return null;
    return async (signal) => {
      if (quiet) await new Promise((later) => setTimeout(later, TYPING_MS));
      const [a, b] = await Promise.all([tokens(slug, clean, signal), tokens(slug, corrupt, signal)]);
      return { of: JSON.stringify([slug, clean, corrupt]), clean: a, corrupt: b };
    };
  });
  /** Both prompts as tokens. */
  readonly cut = $derived(this.clean === '' ? null : this.#cut.last);
  readonly cutProblem = $derived(this.#cut.problem);
  readonly #fresh = $derived(this.#cut.value !== null);

  /** What keeps it from being run, in a sentence. */
  readonly wrong: string | null = $derived.by(() => {
    if (this.clean === '') return 'Write a clean prompt.';
    const ids = models.hasTokenizer ? null : (parseIds(this.clean).wrong ?? parseIds(this.corrupt).wrong);
    if (ids) return `${ids}.`;
    const odd = models.hasTokenizer ? null : wrongIds(look());
    if (odd) return odd;
    if (this.alone || look().lab === 'parts') return null;
    if (this.corrupt === '') return 'Write a corrupt prompt: the clean one with one thing changed.';
    const cut = this.cut;
    if (!cut) return null;
    const apart = unequal(cut.clean, cut.corrupt);
    if (apart) return apart;
    return differing(cut.clean, cut.corrupt).includes(true) ? null : 'The prompts are the same: change one thing.';
  });

  /** Whether both prompts can be run. */
  readonly ready: boolean = $derived(models.slug !== null && !this.edited && !this.wrong && this.#fresh);

  readonly request: AnalysisRequest | null = $derived.by(() => {
    if (!this.ready || !models.slug) return null;
    return requestOf(look(), {
      model: models.slug,
      engine: models.engine,
      precision: models.precision,
      texts: models.hasTokenizer,
      clean: sent(this.clean),
      corrupt: sent(this.corrupt),
    });
  });

  /** Looks for what the address asks; call once, from the view. */
  follow(): void {
    $effect(() => {
      const id = look().analysis;
      const request = this.request;
      untrack(() => {
        if (id) void this.open(id);
        else if (request) void this.find(request);
        else if (look().lab === 'parts') this.#leave();
      });
    });
    $effect(() => () => this.#controller?.abort());
  }

  /** Puts what was typed to the question. */
  commit(): void {
    const typed = this.typed;
    this.typed = null;
    if (typed) set({ analysis: null, ...typed });
  }

  /** Another pair. */
  take(pair: Pair | undefined): void {
    this.typed = null;
    if (pair) set({ analysis: null, clean: pair.clean, corrupt: pair.corrupt });
  }

  /** The tab asks for nothing: what is under way ends. */
  #leave(): void {
    if (this.live || this.problem || this.stopped) this.#asked = '';
    this.#controller?.abort();
    this.live = this.problem = null;
    this.stopped = false;
  }

  stop(): void {
    this.stopped = true;
    this.#controller?.abort();
  }

  again(): void {
    this.#asked = '';
    if (this.request) void this.find(this.request);
  }

  /** An analysis that the server keeps. */
  async open(id: string): Promise<void> {
    if (this.#asked === id) return;
    await this.#work(id, async (signal) => {
      const one = await api.analysis(id, signal);
      this.other = paired(one) ? null : one;
      if (!paired(one)) return;
      this.analysis = one;
      this.typed = null;
      if (one.clean.model !== models.slug) page.model = one.clean.model;
      set({ ...settingsOf(one), analysis: id });
    });
  }

  /** An earlier answer to the request, or a new one. */
  async find(request: AnalysisRequest): Promise<void> {
    const key = JSON.stringify(request);
    if (this.#asked === key) return;
    await this.#work(key, async (signal) => {
      this.analysis = await found(request, signal, (progress, ahead) => {
        if (signal.aborted || !this.live) return;
        this.live = { ...this.live, progress, ahead, lastTook: lastTime(timed(request)) };
      });
    });
  }

  async #work(key: string, work: (signal: AbortSignal) => Promise<void>): Promise<void> {
    this.#controller?.abort();
    const controller = (this.#controller = new AbortController());
    this.#asked = key;
    this.problem = null;
    this.other = null;
    this.stopped = false;
    this.live = { ahead: 0, progress: null, startedAt: performance.now(), lastTook: null };
    try {
      await work(controller.signal);
    } catch (error) {
      if (this.#controller === controller && !isAbort(error)) this.problem = Problem.of(error);
    } finally {
      if (this.#controller === controller) this.live = null;
    }
  }
}

/** Analyses of this session by their requests. */
const known = new Map<string, Analysis>();

/** An analysis that the server keeps of the same request, or a new one. */
export async function found(
  request: AnalysisRequest,
  signal: AbortSignal,
  onprogress: (progress: AnalysisProgress | null, ahead: number) => void,
): Promise<Analysis> {
  const key = JSON.stringify(request);
  const answer = known.get(key) ?? (await kept(request, signal)) ?? (await made(request, signal, onprogress));
  known.set(key, answer);
  return answer;
}

async function kept(request: AnalysisRequest, signal: AbortSignal): Promise<Analysis | null> {
  const { kind, clean } = request;
  const near = (await api.analyses(LISTED, signal)).filter(
    (a) => a.kind === kind && a.model === clean.model && (!clean.prompt || a.clean.endsWith(clean.prompt)),
  );
  for (const { id } of near.slice(0, LOOKED_AT)) {
    const one = await api.analysis(id, signal);
    if (paired(one) && answers(one, request)) return one;
  }
  return null;
}

const timed = (request: AnalysisRequest): string => `analysis:${request.clean.model}:${request.kind}`;

async function made(
  request: AnalysisRequest,
  signal: AbortSignal,
  onprogress: (progress: AnalysisProgress | null, ahead: number) => void,
): Promise<Analysis> {
  const startedAt = performance.now();
  for await (const message of api.analyse(request, signal)) {
    if (message.event === 'queued') onprogress(null, message.data.ahead);
    else if (message.event === 'progress') onprogress(message.data, 0);
    else if (message.event === 'error') throw new Problem(message.data);
    else if (message.event === 'done') {
      remember(timed(request), performance.now() - startedAt);
      return message.data as Analysis;
    }
  }
  throw Problem.unreachable('/analyses', 'the analysis ended without an answer');
}

/** A prompt as a request says it. */
export function sent(text: string): Pick<RunRequest, 'prompt' | 'tokens'> {
  return models.hasTokenizer ? { prompt: text } : { tokens: parseIds(text).ids };
}

async function tokens(slug: string, text: string, signal: AbortSignal): Promise<Token[]> {
  if (text === '') return [];
  if (models.hasTokenizer) return (await api.tokenize(slug, text, signal)).tokens;
  return parseIds(text).ids.map(nameless);
}

/** A token of a model without a tokenizer. */
export const nameless = (id: number): Token => ({ id, text: `⟨${id}⟩`, bytes: [], special: false });

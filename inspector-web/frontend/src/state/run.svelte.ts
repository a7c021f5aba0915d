import { untrack } from 'svelte';
import { api } from '../api/client';
import { Problem, isAbort } from '../api/problem';
import type { Source } from '../api/source';
import type { GenerateOptions, GeneratedToken, KvCacheReport, RunManifest, RunRequest, Token } from '../api/types';
import { plural } from '../kit/text/format';
import { lastTime, remember } from '../kit/lasttime';
import { models } from './models.svelte';
import { page } from './page.svelte';
import { prompt } from './prompt.svelte';
import { barOf, type Bar } from './stored';
import { liveSource, recordedSource } from './source';
import { DEFAULTS, type GenerationSettings } from './url';

/** What the figures of the trace are drawn from. */
export const CAPTURE = [
  'blocks.*.attn.hook_pattern',
  'blocks.*.hook_resid_pre',
  'blocks.*.hook_resid_mid',
  'blocks.*.hook_resid_post',
  'blocks.*.hook_attn_out',
  'blocks.*.hook_mlp_out',
  'logits',
];

const CONFLICT = 409;

/** Live is a run that is happening: what the server has said so far. */
export interface Live {
  model: string;
  phase: 'asking' | 'queued' | 'prefill' | 'generating';
  ahead: number;
  id: string | null;
  tokens: Token[];
  steps: GeneratedToken[];
  kv: KvCacheReport[];
  prefillMs: number | null;
  startedAt: number;
  lastTook: number | null;
  /** New tokens that were asked for. */
  maxNewTokens: number;
}

class Run {
  /** The finished run that the figures show. */
  source = $state.raw<Source | null>(null);
  live = $state.raw<Live | null>(null);
  problem = $state.raw<Problem | null>(null);
  /** A stored run on its way here. */
  fetching = $state<string | null>(null);
  /** A run that was opened and has not put its settings into the bar yet. */
  #opened = $state.raw<RunManifest | null>(null);
  /** Stop was pressed; the run has not ended yet. */
  stopping = $state(false);
  /** The last run was stopped before it started: nothing of it is kept. */
  stopped = $state(false);
  #controller: AbortController | null = null;

  readonly busy: boolean = $derived(this.live !== null);

  /** The recording, unless something live is here already. */
  async showRecording(): Promise<void> {
    try {
      const recorded = await recordedSource();
      if (this.source === null) this.source = recorded;
    } catch {
      // Then the page is empty until the first run; nothing depends on the recording.
    }
  }

  /** A run that the server keeps. */
  async open(id: string): Promise<void> {
    if (this.source && !this.source.recorded && this.source.manifest.id === id) {
      this.#opened = this.source.manifest;
      return;
    }
    if (this.fetching === id) return;
    this.fetching = id;
    this.problem = null;
    this.stopped = false;
    try {
      const manifest = await api.run(id);
      if (page.run !== id) return;
      this.source = liveSource(manifest);
      this.#opened = manifest;
    } catch (error) {
      if (page.run === id) this.problem = Problem.of(error);
    } finally {
      if (this.fetching === id) this.fetching = null;
    }
  }

  /** Puts into the bar what an opened run was made with, where the address does not say otherwise; call once. */
  fillBar(): void {
    $effect(() => {
      const opened = this.#opened;
      if (!opened || !models.loaded) return;
      this.#opened = null;
      untrack(() => {
        if (page.view === 'compare' && page.compare.id) return;
        const own = barOf(opened);
        fill(own);
        const { generation } = page;
        if (JSON.stringify(generation) === JSON.stringify(DEFAULTS.generation)) page.generation = own.generation;
      });
    });
  }

  async start(): Promise<void> {
    if (this.live || prompt.wrong) return;
    const model = models.slug;
    if (!model) return;
    const controller = new AbortController();
    this.#controller = controller;
    this.problem = null;
    this.stopping = false;
    this.stopped = false;
    const key = `run:${model}:${models.precision}`;
    const startedAt = performance.now();
    let live: Live = {
      model,
      phase: 'asking',
      ahead: 0,
      id: null,
      tokens: [],
      steps: [],
      kv: [],
      prefillMs: null,
      startedAt,
      lastTook: lastTime(key),
      maxNewTokens: page.generation.maxNewTokens,
    };
    const update = (change: Partial<Live>) => (this.live = live = { ...live, ...change });
    update({});
    try {
      await models.askHooks(model);
      for await (const message of api.stream(requestOf(model, page.generation), controller.signal)) {
        switch (message.event) {
          case 'queued':
            update({ phase: 'queued', id: message.data.id, ahead: message.data.ahead });
            if (this.stopping) void this.#cancel(message.data.id);
            break;
          case 'started':
            update({ phase: 'prefill', tokens: message.data.tokens });
            break;
          case 'prefilled':
            update({ phase: 'generating', prefillMs: message.data.ms, kv: [message.data.kv_cache] });
            break;
          case 'token': {
            const { kv_cache, ...step } = message.data;
            update({ steps: [...live.steps, step], kv: [...live.kv, kv_cache], tokens: [...live.tokens, step.token] });
            break;
          }
          case 'done':
            remember(key, performance.now() - startedAt);
            this.#finished(liveSource(message.data, live.kv));
            break;
          case 'error':
            throw new Problem(message.data);
        }
      }
      if (this.live && !controller.signal.aborted) {
        throw new Problem({
          title: 'the run ended without saying how',
          status: 0,
          found: `${plural(live.steps.length, 'token')}, then the connection closed`,
          instead: 'look under Runs for what was kept, or run it again',
        });
      }
    } catch (error) {
      this.stopped =
        this.stopping && live.tokens.length === 0 && (isAbort(error) || Problem.of(error).status === CONFLICT);
      if (!this.stopped && !isAbort(error)) this.problem = Problem.of(error);
    } finally {
      this.stopping = false;
      if (this.#controller === controller) this.#controller = null;
      this.live = null;
    }
  }

  #finished(source: Source): void {
    this.source = source;
    this.live = null;
    page.run = source.manifest.id;
    const last = source.manifest.prompt_length - 1;
    if (page.token === null || page.token >= source.manifest.tokens.length) page.token = last;
    void models.load();
  }

  /**
   * Asks the server to end the run: after the token it is at, keeping what was made, or before it starts, keeping
   * nothing. A run without an id yet is ended as soon as it has one. A second call closes the connection.
   */
  stop(): void {
    if (!this.live) return;
    if (this.stopping) this.#controller?.abort();
    else if (this.live.id) void this.#cancel(this.live.id);
    this.stopping = true;
  }

  async #cancel(id: string): Promise<void> {
    try {
      await api.cancelRun(id);
    } catch (error) {
      // One that is finished already is on its way here; otherwise closing the connection cancels it too.
      if (Problem.of(error).status !== CONFLICT) this.#controller?.abort();
    }
  }
}

/** Puts into the bar what the address does not say otherwise. */
export function fill(own: Omit<Bar, 'generation'>): void {
  if (page.model === null && own.model !== models.slug) page.model = own.model;
  if (page.engine === null && own.engine !== models.engine) page.engine = own.engine;
  if (page.precision === null && own.precision !== models.precision) page.precision = own.precision;
  if (page.prompt === null && own.prompt !== null && own.prompt !== prompt.text) page.prompt = own.prompt;
}

/** The request that Run sends; 'get this data' shows the same. */
export function requestOf(model: string, settings: GenerationSettings): RunRequest {
  const said = prompt.parsed ? { tokens: prompt.parsed.ids } : { prompt: prompt.text };
  return {
    model,
    engine: models.engine,
    precision: models.precision,
    ...said,
    capture: models.shown(model, CAPTURE),
    ...(settings.maxNewTokens > 0 ? { generate: optionsOf(settings) } : {}),
  };
}

export function optionsOf(s: GenerationSettings): GenerateOptions {
  const common = { max_new_tokens: s.maxNewTokens, alternatives: 10 };
  if (s.greedy) return { ...common, greedy: true };
  return {
    ...common,
    greedy: false,
    temperature: s.temperature,
    ...(s.topK > 0 ? { top_k: s.topK } : {}),
    ...(s.topP < 1 ? { top_p: s.topP } : {}),
    ...(s.minP > 0 ? { min_p: s.minP } : {}),
    ...(s.seed !== null ? { seed: s.seed } : {}),
  };
}

export const run = new Run();

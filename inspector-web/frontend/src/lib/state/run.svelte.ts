import { api } from '../api/client';
import { Problem, isAbort } from '../api/problem';
import type { GenerateOptions, GeneratedToken, KvCacheReport, RunRequest, Token } from '../api/types';
import { lastTime, remember } from './lasttime';
import { models } from './models.svelte';
import { page } from './page.svelte';
import { prompt } from './prompt.svelte';
import { liveSource, recordedSource, type Source } from './source';
import type { GenerationSettings } from './url';

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
    if (this.source && !this.source.recorded && this.source.manifest.id === id) return;
    this.fetching = id;
    this.problem = null;
    try {
      const manifest = await api.run(id);
      if (page.run === id) this.source = liveSource(manifest);
    } catch (error) {
      if (page.run === id) this.problem = Problem.of(error);
    } finally {
      if (this.fetching === id) this.fetching = null;
    }
  }

  async start(): Promise<void> {
    if (this.live || prompt.wrong) return;
    const model = models.slug;
    if (!model) return;
    const controller = new AbortController();
    this.#controller = controller;
    this.problem = null;
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
      for await (const message of api.stream(requestOf(model, page.generation), controller.signal)) {
        switch (message.event) {
          case 'queued':
            update({ phase: 'queued', ahead: message.data.ahead });
            break;
          case 'started':
            update({ phase: 'prefill', id: message.data.id, tokens: message.data.tokens });
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
          found: `${live.steps.length} tokens, then the connection closed`,
          instead: 'look under Runs for what was kept, or run it again',
        });
      }
    } catch (error) {
      if (!isAbort(error)) this.problem = Problem.of(error);
    } finally {
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

  /** Asks the server to end the run after the token it is at; what was made is kept and shown. */
  async stop(): Promise<void> {
    const id = this.live?.id;
    if (!id) {
      this.#controller?.abort();
      return;
    }
    try {
      await api.cancelRun(id);
    } catch {
      this.#controller?.abort(); // closing the connection cancels it too
    }
  }
}

/** The request that Run sends; 'get this data' shows the same. */
export function requestOf(model: string, settings: GenerationSettings): RunRequest {
  const said = prompt.parsed ? { tokens: prompt.parsed.ids } : { prompt: prompt.text };
  return {
    model,
    engine: models.engine,
    precision: models.precision,
    ...said,
    capture: CAPTURE,
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

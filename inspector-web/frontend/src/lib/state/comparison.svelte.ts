import { api } from '../api/client';
import type {
  ComparisonManifest,
  ComparisonProgress,
  ComparisonRequest,
  ModuleSize,
  SensitivityRequest,
} from '../api/comparison';
import { Problem, isAbort } from '../api/problem';
import type { RunRequest } from '../api/types';
import { parseChanges, parseSize } from '../compare/compare';
import { parseIds } from '../text/tokens';
import { lastTime, remember } from './lasttime';
import { models } from './models.svelte';
import { page } from './page.svelte';
import { prompt } from './prompt.svelte';

/** What is under way: queued, or how far it is. */
export interface LiveComparison {
  id: string | null;
  ahead: number;
  progress: ComparisonProgress | null;
  startedAt: number;
  lastTook: number | null;
}

/** Comparison is the twin run that the Compare view shows, and the one that is being made. */
class Comparison {
  manifest = $state.raw<ComparisonManifest | null>(null);
  live = $state.raw<LiveComparison | null>(null);
  problem = $state.raw<Problem | null>(null);
  fetching = $state<string | null>(null);
  #controller: AbortController | null = null;

  /** B's settings where they differ from A's; FP16 beside FP32 when nothing was said. */
  readonly modelB: string | null = $derived(page.compare.model ?? models.slug);
  readonly engineB: string = $derived(page.compare.engine ?? models.engine);
  readonly precisionB: string = $derived.by(() => {
    if (page.compare.precision) return page.compare.precision;
    const all = models.engines.find((e) => e.id === this.engineB)?.precisions.filter((p) => p.available) ?? [];
    if (page.compare.changesB) return models.precision;
    return all.find((p) => p.id !== models.precision)?.id ?? models.precision;
  });
  readonly changesA = $derived(parseChanges(page.compare.changesA));
  readonly changesB = $derived(parseChanges(page.compare.changesB));
  readonly textIds = $derived(
    models.hasTokenizer || !page.compare.text ? null : parseIds(page.compare.text, models.details?.spec.vocab),
  );
  readonly budget: number | null = $derived(page.compare.budget?.trim() ? parseSize(page.compare.budget) : null);
  /** What keeps modules from being ranked, in words, or null. */
  readonly wrongRank: string | null = $derived.by(() => {
    if (!page.compare.rank) return null;
    const engine = page.compare.lower ? models.engine : this.engineB;
    if (engine !== 'onnx') {
      return `modules are ranked on the onnx engine: choose it for ${page.compare.lower ? 'A' : 'B'}`;
    }
    if (page.compare.budget?.trim() && this.budget === null) return 'the budget: a size, such as 1.5 MiB';
    return null;
  });
  /** What keeps it from starting, in words, or null. */
  readonly wrong: string | null = $derived(
    prompt.wrong ??
      (this.changesA.wrong && `A’s changes: ${this.changesA.wrong}`) ??
      (this.changesB.wrong && `B’s changes: ${this.changesB.wrong}`) ??
      (this.textIds?.wrong ? `the text: ${this.textIds.wrong}` : null) ??
      this.wrongRank,
  );

  /** A comparison that the server keeps. */
  async open(id: string): Promise<void> {
    if (this.manifest?.id === id || this.fetching === id) return;
    this.fetching = id;
    this.problem = null;
    try {
      const manifest = await api.comparison(id);
      if (page.compare.id === id) this.manifest = manifest;
    } catch (error) {
      if (page.compare.id === id) this.problem = Problem.of(error);
    } finally {
      if (this.fetching === id) this.fetching = null;
    }
  }

  /** The request that Compare sends. */
  request(): ComparisonRequest {
    const said = prompt.parsed ? { tokens: prompt.parsed.ids } : { prompt: prompt.text };
    const a: RunRequest = {
      model: models.slug ?? undefined,
      engine: models.engine,
      precision: models.precision,
      ...said,
      ...(this.changesA.changes.length ? { interventions: this.changesA.changes } : {}),
    };
    const b: RunRequest = {
      model: this.modelB ?? undefined,
      engine: this.engineB,
      precision: this.precisionB,
      ...(page.compare.prompt ? ownPrompt(page.compare.prompt) : {}),
      ...(this.changesB.changes.length ? { interventions: this.changesB.changes } : {}),
    };
    const text = page.compare.text?.trim() ? page.compare.text : null;
    return {
      a,
      b,
      ...(text === null ? {} : this.textIds ? { text_tokens: this.textIds.ids } : { text }),
      ...(page.compare.rank ? { sensitivity: this.#sensitivity(page.compare.rank) } : {}),
    };
  }

  #sensitivity(by: ModuleSize): SensitivityRequest {
    const direction = page.compare.lower ? 'lower' : 'restore';
    return { direction, by, ...(this.budget === null ? {} : { budget_bytes: this.budget }) };
  }

  async start(): Promise<void> {
    if (this.live || this.wrong) return;
    const controller = new AbortController();
    this.#controller = controller;
    this.problem = null;
    const key = `compare:${models.slug}:${this.modelB}`;
    const startedAt = performance.now();
    let live: LiveComparison = { id: null, ahead: 0, progress: null, startedAt, lastTook: lastTime(key) };
    const update = (change: Partial<LiveComparison>) => (this.live = live = { ...live, ...change });
    update({});
    try {
      for await (const message of api.compare(this.request(), controller.signal)) {
        switch (message.event) {
          case 'queued':
            update({ id: message.data.id, ahead: message.data.ahead });
            break;
          case 'started':
            update({ ahead: 0 });
            break;
          case 'progress':
            update({ progress: message.data, ahead: 0 });
            break;
          case 'done':
            remember(key, performance.now() - startedAt);
            this.manifest = message.data;
            page.compare.id = message.data.id;
            page.compare.word = null;
            break;
          case 'error':
            throw new Problem(message.data);
        }
      }
    } catch (error) {
      if (!isAbort(error)) this.problem = Problem.of(error);
    } finally {
      if (this.#controller === controller) this.#controller = null;
      this.live = null;
    }
  }

  /** Ends it; nothing of a cancelled comparison is kept. */
  stop(): void {
    this.#controller?.abort();
  }
}

function ownPrompt(text: string): RunRequest {
  return models.hasTokenizer ? { prompt: text } : { tokens: parseIds(text).ids };
}

export const comparison = new Comparison();

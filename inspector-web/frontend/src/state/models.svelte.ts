import { SharedRequests } from '../api/cache';
import { api } from '../api/client';
import { lesson } from '../api/lesson';
import { Problem } from '../api/problem';
import type { Engine, Health, HookDescription, ModelDetails, ModelSummary, Precision } from '../api/types';
import { keep, kept, lastTime, remember } from '../kit/data/lasttime';
import { page } from './page.svelte';

const RETRY_MS = 3000;
const NOT_FOUND = 404;
/** Under which name the server's default model is kept in this browser. */
const DEFAULT = 'llm-inspector:default';
const underWay = new SharedRequests();

/** The models that the server can open, and details of the chosen one. */
class Models {
  list = $state.raw<ModelSummary[]>([]);
  /** The server's default when this browser last saw it: then another model's recording is not shown first. */
  readonly lastDefault = kept(DEFAULT);
  fallback = $state<string | null>(null);
  engines = $state.raw<Engine[]>([]);
  health = $state.raw<Health | null>(null);
  /** Null while the server has not answered yet. */
  problem = $state.raw<Problem | null>(null);
  loaded = $state(false);
  opening = $state<string | null>(null);
  openingLastTook = $state<number | null>(null);
  openProblem = $state.raw<Problem | null>(null);
  #details = $state.raw<Record<string, ModelDetails>>({});
  /** A model that was asked for and not described. */
  #undescribed = $state<string | null>(null);
  /** The server knows no model of the chosen name. */
  #absent = $state(false);
  #hooks = $state.raw<Record<string, HookDescription[]>>({});
  #retry: ReturnType<typeof setTimeout> | undefined;
  #tried!: () => void;
  /** The server has listed its models, or could not. */
  readonly answered = new Promise<void>((resolve) => (this.#tried = resolve));

  /** The model that Run means. */
  readonly slug: string | null = $derived(page.model ?? this.fallback);
  readonly summary: ModelSummary | null = $derived(this.list.find((m) => m.slug === this.slug) ?? null);
  readonly details: ModelDetails | null = $derived(this.slug ? (this.#details[this.slug] ?? null) : null);
  /** Whether the chosen model was looked up: a kept state of a model is not in the list, and has to be described first. */
  readonly known: boolean = $derived(this.summary !== null || this.details !== null || this.#undescribed === this.slug);
  /** The chosen model was described, or cannot be. */
  readonly described: boolean = $derived(this.details !== null || this.#undescribed === this.slug);
  /** The chosen model was looked up and does not exist. */
  readonly missing: boolean = $derived(
    this.loaded && this.summary === null && this.#absent && this.#undescribed === this.slug,
  );
  readonly exported: boolean = $derived(this.summary?.exported ?? false);
  readonly engine: string = $derived(this.exported ? 'onnx' : (page.engine ?? 'torch'));
  /** The precision of a run; for an exported graph the default, since its file decides. */
  readonly precision: Precision = $derived(this.exported ? 'fp32' : (page.precision ?? 'fp32'));
  readonly hasTokenizer: boolean = $derived((this.summary ?? this.details?.summary)?.has_tokenizer ?? true);
  readonly isOpen: boolean = $derived(
    this.summary?.open.some((e) => e.name === this.engine && (this.exported || e.precision === this.precision)) ??
      false,
  );

  async load(): Promise<void> {
    if (lesson) return;
    clearTimeout(this.#retry);
    try {
      const [{ models, default: fallback }, engines, health] = await Promise.all([
        api.models(),
        api.engines(),
        api.health(),
      ]);
      this.list = models;
      this.fallback = fallback ?? models[0]?.slug ?? null;
      if (this.fallback) keep(DEFAULT, this.fallback);
      this.engines = engines;
      this.health = health;
      this.problem = null;
      this.loaded = true;
      if (this.#undescribed) void this.describe(this.#undescribed);
    } catch (error) {
      this.problem = Problem.of(error);
      if (this.problem.unreachable) this.#retry = setTimeout(() => void this.load(), RETRY_MS);
    } finally {
      this.#tried();
    }
  }

  isExported(slug: string | null): boolean {
    return this.list.find((m) => m.slug === slug)?.exported ?? false;
  }

  /** Fetches the hooks of a model, once per model. */
  async askHooks(slug: string): Promise<void> {
    if (this.#hooks[slug]) return;
    try {
      const hooks = await underWay.ask(`hooks ${slug}`, undefined, (signal) => api.hooks(slug, signal));
      this.#hooks = { ...this.#hooks, [slug]: hooks };
    } catch {
      // A run would say what is wrong.
    }
  }

  /** Of these hooks those that the model has, as far as that was asked. */
  shown(slug: string, hooks: string[]): string[] {
    const all = this.#hooks[slug];
    return all ? hooks.filter((h) => all.some((d) => d.available && d.name === h.replace('*', '{i}'))) : hooks;
  }

  /** What keeps a model from showing this hook, as far as that was asked. */
  hidden(slug: string, hook: string): HookDescription | undefined {
    const name = hook.replace(/^blocks\.\d+\./, 'blocks.{i}.');
    return this.#hooks[slug]?.find((d) => !d.available && d.name === name);
  }

  /** Layers that have a hook (`blocks.*.mlp.hook_post`), as far as that was asked; null where none has it. */
  having(slug: string, hook: string): number[] | null {
    return this.#hooks[slug]?.find((d) => d.available && d.name === hook.replace('*', '{i}'))?.layers ?? null;
  }

  /** Fetches the chosen model's details, once per model. */
  async describe(slug: string): Promise<void> {
    if (this.#details[slug]) return;
    try {
      const details = await underWay.ask(`model ${slug}`, undefined, (signal) => api.model(slug, signal));
      this.#details = { ...this.#details, [slug]: details };
      if (this.#undescribed === slug) this.#undescribed = null;
    } catch (error) {
      // The list says what is wrong with a model, and a run would say it again.
      this.#undescribed = slug;
      this.#absent = Problem.of(error).status === NOT_FOUND;
    }
  }

  /** Loads the model ahead of its first run. */
  async open(slug: string): Promise<void> {
    const key = `open:${slug}:${this.engine}:${this.precision}`;
    const from = performance.now();
    this.opening = slug;
    this.openingLastTook = lastTime(key);
    this.openProblem = null;
    try {
      await api.open(slug, { engine: this.engine, precision: this.precision });
      remember(key, performance.now() - from);
      this.list = (await api.models()).models;
    } catch (error) {
      this.openProblem = Problem.of(error);
    } finally {
      this.opening = null;
    }
  }

  choose(slug: string): void {
    if (slug === this.slug) return;
    // Token ids and text are different prompts: do not carry one over as the other.
    const before = this.hasTokenizer;
    page.model = slug;
    if (this.hasTokenizer !== before) page.prompt = null;
  }
}

export const models = new Models();

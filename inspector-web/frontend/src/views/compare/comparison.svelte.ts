import { untrack } from 'svelte';
import { api } from '../../api/client';
import type {
  ComparisonManifest,
  ComparisonProgress,
  ComparisonRequest,
  ComparisonSide,
  Precision,
  RunRequest,
  SensitivityRequest,
} from '../../api/types';
import { Problem, isAbort } from '../../api/problem';
import { formatPlan, parseChanges, parsePlan, parseSize, type ModulePlan } from './compare';
import { hasTexts, parseIds } from '../../kit/text/tokens';
import { lastTime, remember } from '../../kit/data/lasttime';
import { models } from '../../state/models.svelte';
import { page } from '../../state/page.svelte';
import { DEFAULTS } from '../../state/url';
import { prompt } from '../../state/prompt.svelte';
import { fill } from '../../state/run.svelte';
import { askedOf } from '../../state/stored';

/** The server's default. */
const FACTOR = 10;

/** What is under way: queued, or how far it is. */
export interface LiveComparison {
  id: string | null;
  ahead: number;
  progress: ComparisonProgress | null;
  startedAt: number;
  lastTook: number | null;
}

/** The comparison (a paired run) that the Compare view shows, and the one that is being made. */
class Comparison {
  manifest = $state.raw<ComparisonManifest | null>(null);
  live = $state.raw<LiveComparison | null>(null);
  problem = $state.raw<Problem | null>(null);
  fetching = $state<string | null>(null);
  /** A comparison that was opened and has not put its settings into the form yet. */
  #opened = $state.raw<ComparisonManifest | null>(null);
  /** The form as it was for the comparison on show. */
  #made = $state<string | null>(null);
  #controller: AbortController | null = null;

  /** B's settings where they differ from A's; FP16 beside FP32 when nothing was said. */
  readonly modelB: string | null = $derived(page.compare.model ?? models.slug);
  readonly exportedB: boolean = $derived(models.isExported(this.modelB));
  readonly engineB: string = $derived.by(() => {
    if (this.exportedB) return 'onnx';
    return page.compare.engine ?? (models.exported ? 'torch' : models.engine);
  });
  readonly deviceA: string = $derived(page.compare.deviceA ?? 'auto');
  readonly deviceB: string = $derived(page.compare.deviceB ?? this.deviceA);
  readonly precisionB: Precision = $derived.by(() => {
    if (this.exportedB) return 'fp32';
    if (page.compare.precision) return page.compare.precision;
    if (models.exported) return 'fp32';
    const all = models.engines.find((e) => e.id === this.engineB)?.precisions.filter((p) => p.available) ?? [];
    if (page.compare.changesB) return models.precision;
    return all.find((p) => p.id !== models.precision)?.id ?? models.precision;
  });
  readonly changesA = $derived(parseChanges(page.compare.changesA));
  readonly changesB = $derived(parseChanges(page.compare.changesB));
  readonly planA = $derived(parsePlan(models.exported ? null : page.compare.planA));
  readonly planB = $derived(parsePlan(this.exportedB ? null : page.compare.planB));
  /** What keeps modules from having precisions of their own, in words, or null. */
  readonly wrongPlan: string | null = $derived.by(() => {
    for (const [side, { overrides, simulate = [] }, engine] of [
      ['A', this.planA, models.engine],
      ['B', this.planB, this.engineB],
    ] as const) {
      if (overrides.length > 0 && engine !== 'onnx') {
        return `modules have precisions of their own on the onnx engine: choose it for ${side}`;
      }
      if (simulate.length > 0 && engine !== 'torch') {
        return `weights are simulated on the torch engine: choose it for ${side}`;
      }
      if (overrides.some((o) => o.modules.trim() === '')) return `${side}’s precisions: of which modules?`;
    }
    return null;
  });
  readonly textIds = $derived(
    models.hasTokenizer || !page.compare.text ? null : parseIds(page.compare.text, models.details?.spec.vocab),
  );
  readonly budget: number | null = $derived(page.compare.budget?.trim() ? parseSize(page.compare.budget) : null);
  /** What keeps modules from being ranked, in words, or null. */
  readonly wrongRank: string | null = $derived.by(() => {
    if (!page.compare.rank) return null;
    if (models.exported || this.exportedB) return 'modules of an exported graph cannot be changed';
    const engine = page.compare.lower ? models.engine : this.engineB;
    if (engine !== 'onnx') {
      return `modules are ranked on the onnx engine: choose it for ${page.compare.lower ? 'A' : 'B'}`;
    }
    if (page.compare.budget?.trim() && this.budget === null) return 'the budget: a size, such as 1.5 MiB';
    return null;
  });
  readonly factor: number | null = $derived(page.compare.factor?.trim() ? Number(page.compare.factor) : null);
  /** What keeps it from starting, in words, or null. */
  readonly wrong: string | null = $derived(
    prompt.wrong ??
      (this.changesA.wrong && `A’s changes: ${this.changesA.wrong}`) ??
      (this.changesB.wrong && `B’s changes: ${this.changesB.wrong}`) ??
      this.wrongPlan ??
      (this.textIds?.wrong ? `the text: ${this.textIds.wrong}` : null) ??
      this.wrongRank ??
      (this.factor === null || this.factor >= 1 ? null : 'times the noise: a number from 1 on'),
  );

  /** Everything that the form says, to see whether it was changed since. */
  readonly #form: string = $derived.by(() => {
    const { prompt: promptB, text, corpus, rank, lower, budget, windows, floor, factor } = page.compare;
    const a = [models.slug, models.engine, models.precision, this.deviceA, this.planA, this.changesA.changes];
    const b = [this.modelB, this.engineB, this.precisionB, this.deviceB, this.planB, this.changesB.changes];
    return JSON.stringify([a, b, prompt.text, promptB, text, corpus, rank, lower, budget, windows, floor, factor]);
  });
  /** The form says something else than what the comparison on show was made with. */
  readonly edited: boolean = $derived(this.manifest !== null && this.#made !== null && this.#made !== this.#form);

  /** A comparison that the server keeps. */
  async open(id: string): Promise<void> {
    if (this.manifest?.id === id) {
      this.#opened = this.manifest;
      return;
    }
    if (this.fetching === id) return;
    this.fetching = id;
    this.problem = null;
    try {
      const manifest = await api.comparison(id);
      if (page.compare.id === id) this.manifest = this.#opened = manifest;
    } catch (error) {
      if (page.compare.id === id) this.problem = Problem.of(error);
    } finally {
      if (this.fetching === id) this.fetching = null;
    }
  }

  /** Puts into the form what an opened comparison was made with, where the address does not say otherwise; call once. */
  fillForm(): void {
    $effect(() => {
      const opened = this.#opened;
      if (!opened || !models.loaded) return;
      this.#opened = null;
      if (untrack(() => page.view) !== 'compare') return;
      this.#made = null;
      void this.#fill(opened).then((same) => (this.#made = same ? untrack(() => this.#form) : 'another'));
    });
  }

  /** @return whether the address said nothing else than what it was made with */
  async #fill(m: ComparisonManifest): Promise<boolean> {
    // By id: what B was given as A's ids has no place in a text.
    const same = m.a.tokens.map((t) => t.id).join() === m.b.tokens.map((t) => t.id).join();
    const [promptA, promptB] = await Promise.all([promptOf(m.a), same ? null : promptOf(m.b)]);
    if (page.compare.id !== m.id) return true;
    const c = page.compare;
    const [a, b] = [sideOf(m.a), sideOf(m.b)];
    const said = [
      [page.model, a.model],
      [page.engine, a.engine],
      [page.precision, a.precision],
      [page.prompt, promptA],
      [c.deviceA, a.device],
      [c.model, b.model],
      [c.engine, b.engine],
      [c.precision, b.precision],
      [c.deviceB, b.device],
    ];
    const unsaid = said.every(([address, own]) => address === null || address === own);
    fill({ ...a, prompt: promptA, plain: askedOf(m.a) === null });
    if (c.deviceA === null && a.device !== 'auto') c.deviceA = a.device;
    if (c.model === null && b.model !== this.modelB) c.model = b.model;
    if (c.engine === null && b.engine !== this.engineB) c.engine = b.engine;
    if (c.deviceB === null && b.device !== this.deviceB) c.deviceB = b.device;
    c.prompt ??= promptB;
    c.changesA ??= changesOf(m.a);
    c.changesB ??= changesOf(m.b);
    c.planA ??= formatPlan(m.a.request.precision_plan);
    c.planB ??= formatPlan(m.b.request.precision_plan);
    if (c.precision === null && b.precision !== this.precisionB) c.precision = b.precision;
    const { beginning, characters } = m.text ?? {};
    if (beginning?.length === characters) c.text ??= beginning ?? null;
    c.corpus ??= m.corpus?.texts.path ?? null;
    if (c.windows === DEFAULTS.compare.windows) c.windows = m.options.windows ?? c.windows;
    if (c.floor === DEFAULTS.compare.floor) c.floor = m.options.floor ?? c.floor;
    if (m.options.factor !== undefined && m.options.factor !== FACTOR) c.factor ??= String(m.options.factor);
    const options = m.sensitivity?.options;
    if (!options || c.rank !== null) return unsaid;
    c.rank = options.by ?? 'module';
    c.lower = options.direction === 'lower';
    if (options.budget_bytes !== undefined) c.budget ??= String(options.budget_bytes);
    return unsaid;
  }

  /** The request that Compare sends. */
  request(): ComparisonRequest {
    const a: RunRequest = {
      model: models.slug ?? undefined,
      engine: models.engine,
      precision: models.precision,
      device: this.deviceA,
      ...planned(models.precision, this.planA),
      ...prompt.said,
      ...(this.changesA.changes.length ? { interventions: this.changesA.changes } : {}),
    };
    const b: RunRequest = {
      model: this.modelB ?? undefined,
      engine: this.engineB,
      precision: this.precisionB,
      device: this.deviceB,
      ...planned(this.precisionB, this.planB),
      ...(page.compare.prompt ? ownPrompt(page.compare.prompt) : {}),
      ...(this.changesB.changes.length ? { interventions: this.changesB.changes } : {}),
    };
    const text = page.compare.text?.trim() ? page.compare.text : null;
    const path = page.compare.corpus?.trim();
    // How much of it and which column an opened comparison read is not in the form.
    const opened = this.manifest?.corpus?.texts;
    const corpus = path && (opened?.path === path ? opened : { path });
    return {
      a,
      b,
      ...(text === null ? {} : this.textIds ? { text_tokens: this.textIds.ids } : { text }),
      ...(corpus ? { corpus } : {}),
      ...options(this.factor),
      ...(page.compare.rank ? { sensitivity: this.#sensitivity(page.compare.rank) } : {}),
    };
  }

  #sensitivity(by: SensitivityRequest['by']): SensitivityRequest {
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
    const form = this.#form;
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
            this.#made = form;
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

/** What is said otherwise than the server would choose. */
function options(factor: number | null): Pick<ComparisonRequest, 'options'> {
  const { windows, floor } = page.compare;
  const said = {
    ...(windows === DEFAULTS.compare.windows ? {} : { windows }),
    ...(floor === DEFAULTS.compare.floor ? {} : { floor }),
    ...(factor === null ? {} : { factor }),
  };
  return Object.keys(said).length > 0 ? { options: said } : {};
}

function sideOf(side: ComparisonSide) {
  return {
    model: side.model.slug,
    engine: side.engine.name,
    precision: side.engine.precision,
    device: side.request.device ?? 'auto',
  };
}

/** What a side read, as it is typed: null for the beginning of a text; ids as their text where they have one. */
async function promptOf({ request, model, tokens }: ComparisonSide): Promise<string | null> {
  if (tokens.length === 0) return null;
  const asked = askedOf({ request });
  if (asked !== null) return asked;
  if (request.prompt !== undefined) return request.prompt;
  if (!hasTexts(tokens)) return tokens.map((t) => t.id).join(' ');
  // What the tokenizer put there it will put there again.
  const own = tokens.filter((t) => !t.special || t.start !== undefined).map((t) => t.id);
  return (await api.detokenize(model.slug, own)).text;
}

function changesOf({ request }: ComparisonSide): string | null {
  return request.interventions?.length ? JSON.stringify(request.interventions) : null;
}

/** A plan says its default too. */
function planned(precision: Precision, plan: ModulePlan): RunRequest {
  return formatPlan(plan) === null ? {} : { precision_plan: { default: precision, ...plan } };
}

function ownPrompt(text: string): RunRequest {
  return models.hasTokenizer ? { prompt: text } : { tokens: parseIds(text).ids };
}

export const comparison = new Comparison();

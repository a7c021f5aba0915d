import { untrack } from 'svelte';
import { api } from '../api/client';
import { lesson } from '../api/lesson';
import { Problem, isAbort } from '../api/problem';
import type { Source } from '../api/source';
import type { GenerateOptions, GeneratedToken, KvCache, RunManifest, RunRequest, Token } from '../api/types';
import { plural } from '../kit/text/format';
import { lastTime, remember } from '../kit/data/lasttime';
import { succession } from '../kit/data/resource.svelte';
import { models } from './models.svelte';
import { advance, page } from './page.svelte';
import { prompt } from './prompt.svelte';
import { barOf, type Bar } from './stored';
import { BackgroundRun } from './background.svelte';
import { neuronHooks, takesNeurons } from './neurons';
import type { Remembered } from './remembered';
import { RECORDED_TOKENS, type Recording, type Scene } from './scene';
import { scene } from './scene.svelte';
import { LESSONS_OWN, liveSource, recordedSource } from './source.svelte';
import { unasked, type Unasked } from './unasked';
import { DEFAULTS, type GenerationSettings, type PageState } from './url';

const CONFLICT = 409;
const NOT_FOUND = 404;
/** How long a live run's answers are waited for before it takes the recording's place. */
const SETTLE_MS = 15_000;
const LOOK_MS = 200;
/** How long its values may stand until the same of the live run are drawn; most are here already. */
const SUCCESSION_MS = 500;

/** A run in progress: the server's events so far. */
export interface Live {
  model: string;
  phase: 'asking' | 'queued' | 'prefill' | 'generating';
  ahead: number;
  id: string | null;
  /** Of the model's files, what was read so far; null when it is open already. */
  opened: number | null;
  tokens: Token[];
  steps: GeneratedToken[];
  kv: KvCache[];
  prefillMs: number | null;
  startedAt: number;
  lastTook: number | null;
  /** New tokens that were asked for. */
  maxNewTokens: number;
}

/** What a background run is of: the view's scene, and the model and settings in the bar. */
interface Standing {
  scene: Scene;
  model: string;
  how: string;
}

class Run {
  /** The finished run that the figures show. */
  source = $state.raw<Source | null>(null);
  live = $state.raw<Live | null>(null);
  problem = $state.raw<Problem | null>(null);
  /** Id of a stored run that is being fetched. */
  fetching = $state<string | null>(null);
  /** A stored run whose settings are not in the bar yet. */
  #opened = $state.raw<RunManifest | null>(null);
  /** Stop was pressed; the run has not ended yet. */
  stopping = $state(false);
  /** The last run was stopped before it started: nothing of it is kept. */
  stopped = $state(false);
  #controller: AbortController | null = null;
  /** The view's recording, once it is here; a lesson's own in every view. */
  #recorded = $state.raw<{ of: Recording; source: Remembered } | null>(null);
  /** A run that the address names and the server does not keep. */
  #gone = $state<string | null>(null);
  /** Makes live what a view shows, where no run is named. */
  readonly background = new BackgroundRun(api);
  /** What the background run is of. */
  #standing: Standing | null = null;
  /** The background run on show. */
  #shown: { source: Source; of: Standing } | null = null;
  /** The bar from which it was made. */
  #bar: Partial<PageState> = { run: null };

  readonly busy: boolean = $derived(this.live !== null);
  /** Whether Run can be pressed. */
  readonly ready: boolean = $derived(
    models.loaded && !models.missing && !prompt.wrong && !prompt.tooLong && !models.problem && !this.busy,
  );

  /** Whether the address names a run that there is. */
  readonly #named: boolean = $derived(page.run !== null && page.run !== this.#gone);
  /** The model whose run is shown while none is named. */
  readonly unasked: Unasked = $derived(
    unasked({
      chosen: page.model,
      fallback: models.loaded ? models.fallback : models.lastDefault,
      recorded: this.#recorded?.source.manifest.model.slug ?? null,
      about: (slug) => {
        const m = models.list.find((each) => each.slug === slug);
        return m ? { bytes: m.bytes, open: m.open.length > 0, trouble: m.trouble } : null;
      },
    }),
  );

  /** Why no run is on show, or none but the recorded one, in words; null where one is, or comes. */
  readonly why: string | null = $derived.by(() => {
    if (this.stopped) return 'Stopped before it started: nothing was run';
    if (this.unasked.why) return this.unasked.why;
    if (prompt.tooLong) return 'The prompt is longer than the context of this model';
    return prompt.wrong && `To run it, ${prompt.wrong}`;
  });

  /**
   * Keeps a run on show while none is named: the view's recording at once where it is of that model, then the same
   * request made live; call once, from the root component.
   */
  stand(): void {
    // Before anything is drawn: the recording is asked for at once.
    $effect.pre(() => {
      const { model } = this.unasked;
      const now = scene.now;
      if (this.#named || !now) return;
      untrack(() => {
        const [source, of] = [this.source, this.#shown];
        const stays = source?.recorded
          ? lesson || model === null || source.manifest.model.slug === model
          : source === of?.source && of?.of.scene === now && of.of.model === model;
        if (!stays) this.source = null;
        void this.#showRecording();
      });
    });
    $effect(() => {
      const { model, why } = this.unasked;
      const now = scene.now;
      // Nothing is run while a run is named or made, nor after one that failed or was stopped, until a reader goes on.
      const failed = this.problem !== null && this.problem.status !== NOT_FOUND;
      if (lesson || !now || this.#named || this.busy || this.stopped || failed) {
        this.#standing = null;
        untrack(() => void this.background.cancel());
        return;
      }
      if (!models.loaded || model === null || why !== null || models.missing) return;
      const own = model === models.slug;
      if (own && (!models.described || prompt.wrong || prompt.tooLong || !prompt.counted)) return;
      // What is typed is run when Run is pressed.
      const of = { scene: now, model, how: own ? `${models.engine} ${models.precision}` : '' };
      untrack(() => {
        const { scene: view, model: slug, how } = this.#standing ?? {};
        if (view === now && slug === model && how === of.how) return;
        this.#standing = of;
        void this.#makeUnasked(of, own);
      });
    });
  }

  async #makeUnasked(of: Standing, own: boolean): Promise<void> {
    const { model } = of;
    const { model: chosen, plain, engine, precision, prompt: text, generation } = page;
    const bar = { run: null, model: chosen, engine, precision, prompt: text, plain, generation };
    const same = JSON.stringify(generation) === JSON.stringify(DEFAULTS.generation);
    const settings = same ? { ...generation, maxNewTokens: RECORDED_TOKENS } : generation;
    const wanted = () => this.#standing === of;
    await models.askHooks(model);
    if (!wanted()) return;
    const request = own ? requestOf(model, settings) : requestOfRecording(of.scene, model, settings);
    const made = await this.background.make(request);
    if (!made || !wanted()) return;
    const source = liveSource(made.manifest, made.kvSteps);
    const before = this.#recorded?.source;
    // What the recording was asked is asked of the live run before it takes the place: nothing moves.
    if (before && this.source === before) await before.askAgain(source, AbortSignal.timeout(SETTLE_MS));
    if (!wanted()) return;
    this.#bar = bar;
    this.#shown = { source, of };
    if (before && promptIds(before.manifest) === promptIds(made.manifest)) {
      succession.on = true;
      setTimeout(() => (succession.on = false), SUCCESSION_MS);
    }
    this.source = source;
    if (own && !models.isOpen) void models.load();
  }

  /** The view's recording, until a run of this server is here. */
  async #showRecording(): Promise<void> {
    const wanted = () => LESSONS_OWN ?? scene.now?.recording;
    const recording = wanted();
    if (!recording || (this.source && !this.source.recorded)) return;
    try {
      if (this.#recorded?.of !== recording) {
        const source = await recordedSource(recording, (problem) => this.#untilLive(problem));
        if (wanted() !== recording) return;
        this.#recorded = { of: recording, source };
      }
      const { source } = this.#recorded;
      const { model } = this.unasked;
      if (this.#named || (this.source && !this.source.recorded)) return;
      if (lesson || model === null || model === source.manifest.model.slug) this.source = source;
    } catch {
      // Then the page is empty until the first run; nothing depends on the recording.
    }
  }

  /** Holds who asks a recording for what it lacks, until a live run has taken its place or none comes. */
  async #untilLive(problem: Problem): Promise<never> {
    const comes = () => !this.why && !this.background.problem && !models.problem && this.source?.recorded;
    while (!lesson && comes()) await new Promise((later) => setTimeout(later, LOOK_MS));
    throw problem;
  }

  /** The address changed, or the view, and no run is named: what went wrong with the one before is no longer said. */
  close(): void {
    this.problem = null;
    this.stopped = false;
  }

  /** Whether this run of the server's is the one on show. */
  shows(id: string): boolean {
    return this.source !== null && !this.source.recorded && this.source.manifest.id === id;
  }

  /** A run that the server keeps. */
  async open(id: string): Promise<void> {
    if (this.source && this.shows(id)) {
      this.#opened = this.source.manifest;
      return;
    }
    if (this.fetching === id) return;
    this.fetching = id;
    this.problem = null;
    this.stopped = false;
    try {
      // What a figure may ask of a run depends on its model, which the list describes.
      const [manifest] = await Promise.all([api.run(id), models.answered]);
      if (page.run !== id) return;
      this.source = liveSource(manifest);
      this.#opened = manifest;
    } catch (error) {
      if (page.run !== id) return;
      this.problem = Problem.of(error);
      if (this.problem.status === NOT_FOUND) this.#gone = id;
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
    const letGo = this.background.cancel();
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
      opened: null,
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
      await Promise.all([models.askHooks(model), letGo]);
      for await (const message of api.stream(requestOf(model, page.generation), controller.signal)) {
        switch (message.event) {
          case 'queued':
            update({ phase: 'queued', id: message.data.id, ahead: message.data.ahead });
            if (this.stopping) void this.#cancel(message.data.id);
            break;
          case 'opening':
            update({ opened: message.data.done / message.data.of });
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

  /** Shows a run that was just made; 'back' leads to the one before, with the bar as it was then. */
  #finished(source: Source): void {
    const before = this.source;
    this.source = source;
    this.live = null;
    // A token is chosen in one text: another text has its own.
    const same = before !== null && promptIds(before.manifest) === promptIds(source.manifest);
    const change: Partial<PageState> = { run: source.manifest.id, changed: null };
    if (!same) Object.assign(change, { token: null, changes: null, kept: false, own: {} });
    const named = before !== null && page.run === before.manifest.id;
    advance(change, named ? barOf(before.manifest) : this.#bar);
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
  if (page.prompt !== null || own.prompt === null) return;
  if (own.prompt !== prompt.text) page.prompt = own.prompt;
  if (own.plain) void models.describe(own.model ?? '').then(() => (page.plain = prompt.hasTemplate));
}

/** The request that Run sends; 'get this data' shows the same. */
export function requestOf(model: string, settings: GenerationSettings): RunRequest {
  return {
    model,
    engine: models.engine,
    precision: models.precision,
    ...prompt.said,
    capture: models.shown(model, captured(model, settings.maxNewTokens)),
    ...(settings.maxNewTokens > 0 ? { generate: optionsOf(settings) } : {}),
  };
}

/** The request of a view's recording: its first example, as the embedded model reads it. */
function requestOfRecording(now: Scene, model: string, settings: GenerationSettings): RunRequest {
  return {
    model,
    engine: 'torch',
    precision: 'fp32',
    prompt: now.examples[0].prompt,
    capture: models.shown(
      model,
      now.hooks.filter((h) => !h.includes('{layer}')),
    ),
    generate: optionsOf(settings),
  };
}

/** What the view's figures want of a run; of one layer only where one was chosen. */
function captured(model: string, more: number): string[] {
  const { layer } = page;
  const named = (scene.now?.hooks ?? [])
    .filter((h) => layer !== null || !h.includes('{layer}'))
    .map((h) => h.replace('{layer}', String(layer)));
  const spec = models.details?.spec;
  if (!scene.now?.neurons || !spec || prompt.tokens === null || !takesNeurons(spec, prompt.tokens + more)) return named;
  return [...new Set([...named, ...neuronHooks(model), 'blocks.*.hook_resid_post'])];
}

function promptIds(m: RunManifest): string {
  return m.tokens
    .slice(0, m.prompt_length)
    .map((t) => t.id)
    .join();
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

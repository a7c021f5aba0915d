import { untrack } from 'svelte';
import { IN_LESSON, RUN_IT, fileOfLesson, joined, lesson } from '../api/lesson';
import { api, patternPath, patternsPath, type Slice } from '../api/client';
import { OverBudget, Problem, type Said } from '../api/problem';
import { askKey, positionsOf, sent, type Ask, type Source } from '../api/source';
import { parseSafetensors, plane, rangeOf, slicedTensor, type Tensor } from '../api/tensor';
import type {
  DecoderSpec,
  FeedForward,
  KvCache,
  Lens,
  ModelDetails,
  Neuron,
  Norms,
  Reads,
  RunManifest,
} from '../api/types';
import { edges, pool } from '../kit/data/pool';
import { plural } from '../kit/text/format';
import { models } from './models.svelte';
import { neuronHooks } from './neurons';
import { remembered, type Remembered } from './remembered';
import type { Recording } from './scene';

const MIB = 1024 * 1024;
/** Most bytes that a figure may have recaptured without asking. */
const UNASKED_BYTES = 64 * MIB;
const TOO_LARGE = 413;
/** The residual stream after a layer, and what its parts add to it. */
const ADDED = ['resid_post', 'attn_out', 'conv_out', 'ssm_out', 'mlp_out'];
/** As many of a neuron's inputs as the server lists: every one of most models. */
const MOST_INPUTS = 1000;

/** A stored run as a source of values. Hooks that it lacks are recaptured when a figure asks, many in one replay. */
class LiveSource implements Source {
  readonly recorded = false;
  readonly vocabulary = null;
  manifest = $state.raw() as RunManifest;
  reading = $state<string | null>(null);
  #most: number | undefined = UNASKED_BYTES;
  /** Hooks asked for since the last recapture began, by their positions. */
  #wanted = new Map<string | undefined, { hooks: Set<string>; reading: Promise<void> }>();
  #last: Promise<unknown> = Promise.resolve();

  constructor(
    manifest: RunManifest,
    readonly kvSteps: KvCache[] | null,
  ) {
    this.manifest = manifest;
  }

  allow(): void {
    this.#most = undefined;
  }

  async need(hooks: string[], positions?: string): Promise<void> {
    const lacked = () => hooks.flatMap((h) => layersOf(h, this.manifest)).filter((h) => !this.#has(h, positions));
    if (lacked().length === 0) return;
    await models.askHooks(this.manifest.model.slug);
    const missing = lacked();
    if (missing.length === 0) return;
    for (const hook of missing) refuseHidden(hook, this.manifest);
    let wanted = this.#wanted.get(positions);
    if (!wanted) {
      const set = new Set<string>();
      // Hooks that are asked for at the same time are recaptured together; recaptures follow one another.
      const reading = Promise.all([this.#last, new Promise((r) => setTimeout(r, 0))]).then(() => {
        this.#wanted.delete(positions);
        return this.#read(
          [...set].filter((h) => !this.#has(h, positions)),
          positions,
        );
      });
      wanted = { hooks: set, reading };
      this.#wanted.set(positions, wanted);
      this.#last = reading.catch(() => undefined);
    }
    for (const hook of missing) wanted.hooks.add(hook);
    try {
      await wanted.reading;
    } catch (error) {
      // Too large is what was asked for together: a figure that needs little has it all the same.
      if (!(error instanceof OverBudget) || wanted.hooks.size === missing.length) throw error;
      const alone = this.#last.then(() =>
        this.#read(
          missing.filter((h) => !this.#has(h, positions)),
          positions,
        ),
      );
      this.#last = alone.catch(() => undefined);
      await alone;
    }
  }

  /** Recaptures in one replay what the server would else replay layer by layer and neuron by neuron. */
  async needNeurons(pos: number): Promise<void> {
    const { slug, n_layers } = this.manifest.model;
    await models.askHooks(slug);
    // A refusal is reported where the value is asked for.
    await this.need([...neuronHooks(slug), `blocks.${n_layers - 1}.hook_resid_post`], `${pos}:${pos + 1}`).catch(
      () => undefined,
    );
  }

  async #read(hooks: string[], positions?: string): Promise<void> {
    if (hooks.length === 0) return;
    const names = hooks.length === 1 ? hooks[0] : plural(hooks.length, 'value');
    this.reading = `Reading ${plural(this.manifest.tokens.length, 'token')} again for ${names}`;
    try {
      this.manifest = await api.recapture(this.manifest.id, { capture: hooks, positions, max_bytes: this.#most });
    } catch (error) {
      const problem = Problem.of(error);
      if (problem.status !== TOO_LARGE || this.#most === undefined) throw error;
      throw new OverBudget(problem.json, () => this.allow());
    } finally {
      this.reading = null;
    }
  }

  #has(hook: string, positions?: string): boolean {
    const all = positionsOf(this.manifest);
    const [from, to] = positions === undefined ? [0, all] : rangeOf(positions, all);
    return this.manifest.captures.some(
      ({ hook: h, positions: p }) => h === hook && (!p || (p.start <= from && to <= p.stop)),
    );
  }

  async capture(hook: string, slice: Slice, signal: AbortSignal): Promise<Tensor> {
    const of = slice.pos ?? slice.query;
    if (!this.#has(hook, of === undefined ? undefined : String(of))) await this.need([hook]);
    signal.throwIfAborted();
    return api.capture(this.manifest.id, hook, slice, signal);
  }

  patterns: Source['patterns'] = (size, signal) => api.patterns(patternsPath(this.manifest.id, size), signal);
  pattern: Source['pattern'] = (layer, head, part, size, signal) =>
    api.patterns(patternPath(this.manifest.id, layer, head, part, size), signal);
  lens = async (signal: AbortSignal, pos?: number): Promise<Lens> => {
    await this.need(['blocks.*.hook_resid_post']);
    return api.lens(this.manifest.id, pos === undefined ? undefined : String(pos), signal);
  };
  reads = async (signal: AbortSignal): Promise<Reads> => {
    const last = this.manifest.prompt_length - 1;
    await this.need(['blocks.*.attn.hook_pattern'], `${last}:${last + 1}`);
    return api.reads(this.manifest.id, last, signal);
  };
  feedForward = (layer: number, pos: number, signal: AbortSignal): Promise<FeedForward> =>
    api.feedForward({ run: this.manifest.id, layer, pos }, signal);
  neuron = (layer: number, neuron: number, pos: number, signal: AbortSignal): Promise<Neuron> =>
    api.neuron({ run: this.manifest.id, layer, neuron, pos, top: MOST_INPUTS }, signal);
  /** Of the values that the model shows and the budget has room for: the others' rows are left out. */
  norms = async (signal: AbortSignal): Promise<Norms> => {
    await this.need(ADDED.map((h) => `blocks.*.hook_${h}`)).catch(() => undefined);
    return api.norms(this.manifest.id, signal);
  };
  ask = <A>(ask: Ask<object | null, A>, signal: AbortSignal): Promise<A> =>
    api.ask<A>(ask.path, sent(ask, this.manifest.model.slug), signal);
  spec = async (signal: AbortSignal): Promise<DecoderSpec> =>
    (await api.ask<ModelDetails>(`/models/${encodeURIComponent(this.manifest.model.slug)}`, null, signal)).spec;
}

export function liveSource(manifest: RunManifest, kvSteps: KvCache[] | null = null): Source {
  return new LiveSource(manifest, kvSteps);
}

/** `blocks.*.attn.hook_q` as one name per layer: those that have it, once the model was asked. */
function layersOf(hook: string, { model }: RunManifest): string[] {
  if (!hook.startsWith('blocks.*.')) return [hook];
  const having = untrack(() => models.having(model.slug, hook)) ?? Array.from({ length: model.n_layers }, (_, i) => i);
  return having.map((i) => hook.replace('*', String(i)));
}

function refuseHidden(hook: string, manifest: RunManifest): void {
  const hidden = models.hidden(manifest.model.slug, hook);
  if (!hidden) return;
  throw new Problem({
    title: 'this model does not show what the figure needs',
    status: 404,
    where: hook,
    found: hidden.why,
    instead: hidden.instead,
  });
}

/** Of a recording the file with its strongest neuron at every position; run.json has the last prompt token's. */
const NEURONS = 'neurons.json.gz';

const parsed = <V>(file: ArrayBuffer): V => JSON.parse(new TextDecoder().decode(file)) as V;

interface Recorded {
  manifest: RunManifest;
  /** Null for a run that was stored before the cache's steps were: only its last step is known. */
  kv_steps: KvCache[] | null;
  lens: Lens;
  norms: Norms;
  reads: Reads;
  spec: DecoderSpec;
  feed_forward?: FeedForward[];
  neurons?: Neuron[];
  vocabulary: string[];
  /** The server's answers to the scene's asks. */
  answers?: Record<string, unknown>;
  /** The server's problems, for asks that failed. */
  refusals?: Record<string, Said>;
  /** Which of the recording's files holds a hook. */
  files: Record<string, string>;
}

/**
 * The real run that is shown until the server has answered; scripts/record.mjs made it. Its tensors come when drawn.
 *
 * @param lacks what happens to who asks for what it does not hold; it throws in the end
 */
export async function recordedSource(
  recording: Recording,
  lacks: (problem: Problem) => Promise<never>,
): Promise<Remembered> {
  const run = parsed<Recorded>(await unpacked(recording.run));
  const files = new Map<string, Promise<Map<string, Tensor>>>();
  const file = (name: string) => {
    let tensors = files.get(name);
    if (!tensors)
      files.set(name, (tensors = unpacked(recording.tensors[name]).then((f) => parseSafetensors(joined(f)))));
    return tensors;
  };
  let all: Promise<Neuron[]> | undefined;
  const neurons = (): Promise<Neuron[]> | undefined =>
    recording.tensors[NEURONS] === undefined
      ? undefined
      : (all ??= unpacked(recording.tensors[NEURONS]).then((file) => parsed<Neuron[]>(file)));
  const lacking = (where: string): Promise<never> =>
    lacks(
      new Problem({
        title: 'the recording does not hold what the figure shows',
        status: 404,
        where,
        found: `${plural(Object.keys(run.files).length, 'recorded value')}, ${plural(Object.keys(run.answers ?? {}).length, 'answer')}`,
        instead: `${RUN_IT}: a live run has it`,
      }),
    );
  const held = async (hook: string): Promise<string> => run.files[hook] ?? lacking(hook);
  return remembered({
    manifest: run.manifest,
    recorded: true,
    kvSteps: run.kv_steps,
    vocabulary: run.vocabulary,
    reading: null,
    needNeurons: async () => undefined,
    need: async (hooks) => void (await Promise.all(hooks.flatMap((h) => layersOf(h, run.manifest)).map(held))),
    allow: () => undefined,
    capture: async (hook, slice) => {
      const tensor = (await file(await held(hook))).get(hook);
      const axes = run.manifest.captures.find((c) => c.hook === hook)?.axes;
      if (!tensor || !axes) throw new Error(`the recording has no ${hook}`);
      return slicedTensor(tensor, axes, slice);
    },
    patterns: async (size) => {
      const { n_layers: layers } = run.manifest.model;
      const all = await Promise.all(
        Array.from({ length: layers }, async (_, i) => {
          const hook = `blocks.${i}.attn.hook_pattern`;
          return (await file(await held(hook))).get(hook)!;
        }),
      );
      const [, heads, n] = all[0].shape;
      const cut = edges(0, n, size);
      const side = cut.length - 1;
      const data = new Float32Array(layers * heads * side * side);
      all.forEach((layer, i) => {
        for (let h = 0; h < heads; h++)
          data.set(pool(plane(layer, h), n, cut, cut, false).values, (i * heads + h) * side * side);
      });
      return { name: 'patterns', shape: [layers, heads, side, side], data };
    },
    pattern: async (layer, head, part, size) => {
      const hook = `blocks.${layer}.attn.hook_pattern`;
      const whole = (await file(await held(hook))).get(hook)!;
      const [rows, cols] = [edges(...part.query, size), edges(...part.key, size)];
      const made = pool(plane(whole, head), whole.shape[3], rows, cols, false);
      return { name: 'pattern', shape: [made.rows, made.cols], data: Float32Array.from(made.values) };
    },
    lens: async () => run.lens,
    norms: async () => run.norms,
    reads: async () => run.reads,
    feedForward: async (layer, pos) => {
      const found = run.feed_forward?.find((f) => f.layer === layer && f.pos === pos);
      return found ?? lacking(`feed-forward part of layer ${layer} at position ${pos}`);
    },
    neuron: async (layer, neuron, pos) => {
      const is = (n: Neuron) => n.layer === layer && n.neuron === neuron && n.pos === pos;
      const found = run.neurons?.find(is) ?? (await neurons())?.find(is);
      return found ?? lacking(`neuron ${neuron} of layer ${layer} at position ${pos}`);
    },
    ask: async <A>(ask: Ask<object | null, A>) => {
      const answer = run.answers?.[askKey(ask)];
      if (answer !== undefined) return answer as A;
      const refusal = run.refusals?.[askKey(ask)];
      if (refusal) throw new Problem(refusal);
      return lacking(ask.path);
    },
    spec: async () => run.spec,
  });
}

/**
 * A file of a recording. Tensors are packed with gzip; some servers send such a file as it is, others declare the packing
 * and the browser has undone it: JSON begins with a brace, safetensors with a multiple of 8, gzip with 0x1f.
 */
async function unpacked(url: string): Promise<ArrayBuffer> {
  const bytes = url.startsWith(IN_LESSON)
    ? await fileOfLesson(url.slice(IN_LESSON.length))
    : await (await fetch(url)).arrayBuffer();
  if (new Uint8Array(bytes)[0] !== 0x1f) return bytes;
  return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream('gzip'))).arrayBuffer();
}

/** The recording that a lesson shows in every view. */
export const LESSONS_OWN: Recording | null = lesson && {
  run: `${IN_LESSON}run.json.gz`,
  tensors: Object.fromEntries(lesson.files.map((f) => [f, IN_LESSON + f])),
};

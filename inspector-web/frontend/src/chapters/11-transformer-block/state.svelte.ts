/** Chapter 11's state: the block on show, its values and costs, the runs without each block, and the model beside it. */
import { untrack } from 'svelte';
import { SvelteMap } from 'svelte/reactivity';
import { api } from '../../api/client';
import { isAbort, Problem } from '../../api/problem';
import type { Source } from '../../api/source';
import type { Logprobs } from '../../api/types';
import { resource } from '../../kit/data/resource.svelte';
import { hasTexts } from '../../kit/text/tokens';
import { models } from '../../state/models.svelte';
import { page } from '../../state/page.svelte';
import { run } from '../../state/run.svelte';
import { selection } from '../../state/selection.svelte';
import { busiestOf, cannotShow, sizesOf, whyChosen } from './model';
import { Stage } from '../stage.svelte';
import { BESIDE, costOf, modelOf, streamOf, timelineOf, valuesAt, withoutBlock } from './asks';
import { dearest, sumOf } from './costs';
import { PARAMS } from './index';
import { length, mixerName, piecesOf } from './pieces';

async function streamsOf(from: Source, at: number, signal: AbortSignal) {
  const spec = await from.spec(signal);
  const hooks = spec.layers.map((_, layer) => streamOf(spec, layer));
  if (!from.recorded) await from.need(hooks.flat(2), `${at}:${at + 1}`);
  const summed = async (of: string[]) => {
    const parts = await Promise.all(of.map((h) => valuesAt(from, h, at, false, signal)));
    return Array.from({ length: spec.d_model }, (_, i) => parts.reduce((sum, v) => sum + v[i], 0));
  };
  const all = hooks.map((of) => Promise.all(of.map(summed)));
  return { of: from, at, streams: await Promise.all(all) };
}

async function nextOf(from: Source, signal: AbortSignal) {
  const { tokens, prompt_length } = from.manifest;
  if (tokens.length > prompt_length) return { of: from, token: tokens[prompt_length] };
  const { data } = await from.capture('logits', { pos: prompt_length - 1 }, signal);
  const id = data.reduce((best, v, i) => (v > data[best] ? i : best), 0);
  const said = hasTexts(from.manifest.tokens)
    ? (await api.detokenize(from.manifest.model.slug, [id], signal)).tokens[0]
    : null;
  return { of: from, token: said ?? { ...tokens[0], id, text: `${id}` } };
}

export class TransformerBlockState {
  readonly stage = new Stage(PARAMS, () => ['token']);
  readonly source = $derived(run.source);
  readonly m = $derived(this.source?.manifest ?? null);
  readonly #slug = $derived(this.m?.model.slug ?? '');
  readonly tokens = $derived(this.m?.tokens ?? []);
  readonly look = $derived(this.stage.look);
  readonly pos = $derived(Math.max(0, Math.min(this.look.token, selection.positions - 1)));
  readonly cannot = $derived(this.m ? cannotShow(models.isExported(this.#slug)) : null);
  readonly #live = $derived(
    this.source && !this.cannot && (this.source.recorded || models.loaded) ? this.source : null,
  );

  readonly specs = resource(() => {
    const from = this.#live;
    return from ? async (signal) => ({ of: from, spec: await from.spec(signal) }) : null;
  });
  readonly spec = $derived(this.specs.value?.of === this.source ? (this.specs.value?.spec ?? null) : null);

  readonly flow = resource(() => {
    const [from, at] = [this.#live, this.pos];
    return from ? (signal) => untrack(() => streamsOf(from, at, signal)) : null;
  });
  readonly streams = $derived(
    this.flow.value?.of === this.source && this.flow.value.at === this.pos ? this.flow.value.streams : null,
  );
  /** Norm of what each part adds over the norm of the stream that it is added to, as chapter 4 measures. */
  readonly #shares = $derived(
    (this.streams ?? []).map(
      ([before, a, f], l) =>
        [
          length(a) / length(before),
          length(f) / length(this.spec?.layers[l]?.parallel ? before : before.map((v, i) => v + a[i])),
        ] as const,
    ),
  );
  readonly #busiest = $derived(busiestOf(this.#shares));
  readonly #named = $derived(page.layer !== null);
  readonly layer = $derived(
    Math.min(this.#named ? this.look.layer : (this.#busiest ?? this.look.layer), (this.spec?.layers.length ?? 1) - 1),
  );
  readonly mine = $derived(this.spec?.layers[this.layer] ?? null);
  readonly pieces = $derived(this.spec ? piecesOf(this.spec, this.layer) : []);
  /** Of a block without attention the part in its place. */
  readonly piece = $derived(
    this.pieces.find((p) => p.id === this.look.piece) ??
      (this.look.piece === 'attention' ? this.pieces.find((p) => p.id === 'recurrence') : undefined) ??
      null,
  );
  readonly step = $derived(
    this.piece?.steps.find((s) => s.part === this.look.step)?.part ??
      this.piece?.steps.find((s) => s.part === 'attn.pattern' || s.part === 'mlp.router')?.part ??
      this.piece?.steps.at(-1)?.part ??
      '',
  );

  readonly opened = resource(() => {
    const [from, part, at, l] = [this.#live, this.piece, this.pos, this.layer];
    const of = part?.steps.find((s) => s.part === this.step);
    if (!from || !of || of.values.length === 0 || this.look.panel !== 'block') return null;
    return async (signal) => {
      const found = new Map<string, number[]>();
      if (!from.recorded) {
        await untrack(() =>
          from.need(
            of.values.map((v) => `blocks.${l}.${v.hook}`),
            `${at}:${at + 1}`,
          ),
        );
      }
      for (const v of of.values) {
        const data = await untrack(() => valuesAt(from, `blocks.${l}.${v.hook}`, at, v.square ?? false, signal));
        found.set(v.hook, data);
      }
      return { step: of.part, layer: l, pos: at, of: found };
    };
  });

  readonly priced = resource(() => {
    const from = this.#live;
    return from ? async (signal) => ({ from, is: await untrack(() => from.ask(costOf(from.manifest), signal)) }) : null;
  });
  readonly cost = $derived(this.priced.value?.from === this.source ? this.priced.value.is : null);
  readonly #timed = resource(() => {
    const from = this.cost ? this.#live : null;
    // Without times the rest still stands.
    return from
      ? async (signal) => ({
          from,
          is: await untrack(() => from.ask(timelineOf(from.manifest), signal)).catch(() => null),
        })
      : null;
  });
  readonly times = $derived(this.#timed.value?.from === this.source ? this.#timed.value.is : null);

  // What the model says without each block: runs, one after another, once they are wanted.
  readonly #next = resource(() => {
    const from = this.#live;
    return from ? (signal) => untrack(() => nextOf(from, signal)) : null;
  });
  readonly says = $derived(this.#next.value?.of === this.source ? this.#next.value.token : null);
  readonly #told = new SvelteMap<string, Logprobs>();
  readonly #keyOf = (l: number | null) => `${this.m?.id} ${l}`;
  trouble = $state.raw<Problem | null>(null);
  readonly #wantsSkips = $derived(
    this.look.panel === 'stack' || this.stage.beat >= 0 || (this.m?.model.n_layers ?? 99) <= 12,
  );
  async #askAll(from: Source, token: number, signal: AbortSignal) {
    const spec = await from.spec(signal).catch(() => null);
    if (!spec) return;
    const all = [null, ...Array.from({ length: from.manifest.model.n_layers }, (_, i) => i)];
    for (const l of all) {
      const key = `${from.manifest.id} ${l}`;
      if (this.#told.has(key)) continue;
      try {
        this.#told.set(key, await from.ask(withoutBlock(from.manifest, spec, token, l), signal));
      } catch (error) {
        if (!isAbort(error) && !signal.aborted) this.trouble = Problem.of(error);
        return;
      }
    }
  }
  readonly whole = $derived(this.#told.get(this.#keyOf(null)) ?? null);
  readonly without = $derived(
    Array.from({ length: this.m?.model.n_layers ?? 0 }, (_, i) => this.#told.get(this.#keyOf(i)) ?? null),
  );
  readonly worst = $derived(dearest(this.without.map((w) => w?.logprob ?? null)));
  readonly least = $derived.by(() => {
    const all = this.without.map((w) => w?.logprob ?? null);
    return this.worst === null ? null : dearest(all.map((l) => (l === null ? null : -l)));
  });

  readonly others = $derived(
    models.list.filter((s) => s.slug !== this.#slug && !s.exported && !s.trouble).map((s) => s.slug),
  );
  readonly #family = $derived(models.list.find((s) => s.slug === this.#slug)?.family);
  readonly other = $derived(
    this.look.other ??
      models.list.find((s) => this.others.includes(s.slug) && s.family !== this.#family)?.slug ??
      this.others.find((s) => s === BESIDE) ??
      this.others[0] ??
      (this.source?.recorded ? BESIDE : null),
  );
  readonly besides = resource(() => {
    const [from, name] = [this.#live, this.other];
    if (!from || !name || this.look.panel !== 'side') return null;
    return async (signal) => ({
      name,
      spec: (await untrack(() => (models.loaded ? api.model(name, signal) : from.ask(modelOf(name), signal)))).spec,
    });
  });
  readonly beside = $derived(this.besides.value?.name === this.other ? (this.besides.value?.spec ?? null) : null);

  /** Where the words on norms point; of any layer, for what the figure shows must not depend on what it shows. */
  readonly normed = $derived(this.spec?.layers[0].ln2 ? 'ln2' : 'ln2_post');
  readonly why = $derived(
    this.#busiest !== null && !this.#named && this.#busiest === this.layer
      ? whyChosen(this.#busiest, this.#shares, this.mine ? mixerName(this.mine) : undefined)
      : null,
  );
  readonly total = $derived(sumOf(this.cost, null, this.layer, null));
  readonly sizes = $derived(this.m && this.spec && this.mine ? sizesOf(this.spec, this.mine, this.total) : []);

  constructor() {
    $effect(() => {
      const [from, token] = [this.#live, this.says];
      if (!from || !token || !this.#wantsSkips) return;
      const controller = new AbortController();
      untrack(() => void this.#askAll(from, token.id, controller.signal));
      return () => controller.abort();
    });
  }
}

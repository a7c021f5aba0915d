/** Chapter 14's state: times with and without the cache, what it keeps, what it takes, and where a token's time goes. */
import { untrack } from 'svelte';
import type { Problem } from '../../api/problem';
import type { Source } from '../../api/source';
import type { KvFormat } from '../../api/types';
import { resource } from '../../kit/data/resource.svelte';
import { models } from '../../state/models.svelte';
import { noHeads, recurrent } from '../../state/heads';
import { run } from '../../state/run.svelte';
import { selection } from '../../state/selection.svelte';
import { cacheSizes, measuredAtOnce, sizesOf } from './model';
import { Stage } from '../stage.svelte';
import { benchmarkOf, costOf, costOfOwn, roundedOf, ROUNDED, timelineOf } from './asks';
import { Bench } from './bench.svelte';
import { byKind, farthest, longest, type Held, type Kind } from './costs';
import { PARAMS } from './index';

async function kept(of: Source, at: number, signal: AbortSignal): Promise<Held & { of: Source }> {
  const spec = await of.spec(signal);
  // Of a latent vector: that, and the numbers of a key that all heads have alike, read at the first head.
  const names = spec.layers.flatMap(({ attention: a }, i) =>
    a && a.keys_from === undefined // a layer with the keys of another keeps none
      ? [
          {
            key: `blocks.${i}.attn.${a.rope ? 'hook_rot_k' : 'hook_k'}`,
            value: `blocks.${i}.attn.${a.latent ? 'hook_kv_latent' : 'hook_v'}`,
            slice: a.latent ? { head: 0, feature: `0:${a.latent.d_shared}` } : {},
          },
        ]
      : [],
  );
  await of.need(
    names.flatMap((n) => [n.key, n.value]),
    of.recorded ? undefined : `${at}:${at + 1}`,
  );
  const all = (hooks: { hook: string; slice: object }[]) =>
    Promise.all(
      hooks.map(async ({ hook, slice }) => ({ hook, values: await of.capture(hook, { pos: at, ...slice }, signal) })),
    );
  return {
    of,
    pos: at,
    keys: await all(names.map((n) => ({ hook: n.key, slice: n.slice }))),
    values: await all(names.map((n) => ({ hook: n.value, slice: {} }))),
  };
}

export class KvCacheState {
  readonly stage = new Stage(PARAMS);
  readonly source = $derived(run.source);
  readonly m = $derived(this.source?.manifest ?? null);
  readonly #look = $derived(this.stage.look);
  readonly cannot = $derived(this.m ? noHeads(this.m) : null);
  readonly recurrent = $derived(this.m !== null && recurrent(this.m).length > 0);
  readonly #panel = $derived(this.stage.asking ? 'time' : this.#look.panel);
  readonly tokens = $derived(this.m?.tokens ?? []);
  readonly #last = $derived(Math.max(0, Math.min(selection.positions, this.m?.kv_cache.positions ?? 1) - 1));
  readonly pos = $derived(Math.max(0, Math.min(this.#look.token, this.#last)));
  readonly exported = $derived(this.m !== null && models.isExported(this.m.model.slug));
  readonly small = $derived(measuredAtOnce(models.list.find((s) => s.slug === this.m?.model.slug)?.parameters));
  readonly live = $derived(this.source !== null && !this.source.recorded && models.loaded);

  readonly bench = new Bench();
  readonly recorded = resource(() => {
    const of = this.source;
    return of?.recorded ? (signal) => of.ask(benchmarkOf(of.manifest), signal) : null;
  });
  readonly points = $derived(
    this.source?.recorded ? (this.recorded.value?.points ?? []) : this.bench.of === this.m?.id ? this.bench.points : [],
  );
  readonly best = $derived(farthest(this.points));

  readonly own = $derived<{ key: KvFormat; value: KvFormat }>({
    key: this.m?.kv_cache.formats?.key ?? 'fp32',
    value: this.m?.kv_cache.formats?.value ?? 'fp32',
  });
  readonly keys = $derived(this.#look.keys === 'own' ? this.own.key : this.#look.keys);
  readonly values = $derived(this.#look.values === 'own' ? this.own.value : this.#look.values);
  // What is kept stands beside what was measured: in the run's own formats.
  readonly #priced = resource(() => {
    const [of, kv, graph] = [
      this.source,
      this.#panel === 'memory' ? { key: this.keys, value: this.values } : this.own,
      this.exported,
    ];
    if (!of || !(of.recorded || models.loaded)) return null;
    const ask = graph ? costOfOwn(of.manifest) : costOf(of.manifest, kv);
    return (signal) => untrack(async () => ({ of, cost: await of.ask(ask, signal) }));
  });
  readonly cost = $derived(this.#priced.value?.of === this.source ? (this.#priced.value?.cost ?? null) : null);

  readonly #fetched = resource(() => {
    const [of, at] = [this.source, this.pos];
    return of && !this.cannot && this.#panel === 'kept' && (of.recorded || models.loaded)
      ? (signal) => untrack(() => kept(of, at, signal))
      : null;
  });
  readonly held = $derived(
    this.#fetched.value?.of === this.source && this.#fetched.value.pos === this.pos ? this.#fetched.value : null,
  );

  rounding = $state.raw<Source | null>(null);
  readonly round = () => (this.rounding = this.source);
  readonly #rounds = resource(() => {
    const of = this.source;
    if (
      !of ||
      this.exported ||
      this.#panel !== 'rounded' ||
      !(of.recorded || (this.live && (this.small || this.rounding === of)))
    )
      return null;
    return (signal) =>
      untrack(async () => {
        const size = async (key: KvFormat, value: KvFormat) => {
          const cost = await of.ask(costOf(of.manifest, { key, value }), signal);
          return cacheSizes(cost, of.manifest.model.max_context).row;
        };
        const rows = [];
        for (const [name, key, value] of ROUNDED) {
          const comparison = await of.ask(roundedOf(of.manifest, key, value), signal);
          rows.push({ name, comparison, size: await size(key, value) });
        }
        return { of, rows, sixteen: await size('fp16', 'fp16') };
      });
  });
  readonly rounded = $derived(this.#rounds.value?.of === this.source ? (this.#rounds.value?.rows ?? null) : null);
  readonly sixteen = $derived(this.#rounds.value?.sixteen ?? 0);
  readonly kld = (i: number) => this.rounded?.[i]?.comparison.prompt?.mean_kld.value ?? null;

  // Asked for by the words' look alone: whether a question is open depends on this answer.
  readonly #clock = resource(() => {
    const of = this.source;
    if (!of || this.exported || this.cannot || this.#look.panel !== 'time' || !(of.recorded || models.loaded))
      return null;
    return (signal) => untrack(async () => ({ of, timeline: await of.ask(timelineOf(of.manifest), signal) }));
  });
  readonly timeline = $derived(this.#clock.value?.of === this.source ? (this.#clock.value?.timeline ?? null) : null);
  readonly right = $derived<Kind | null>(this.timeline ? longest(this.timeline.decode) : null);
  readonly shares = $derived(this.timeline ? byKind(this.timeline.decode) : null);
  readonly whole = $derived(this.shares ? [...this.shares.values()].reduce((a, b) => a + b, 0) : 1);

  readonly problem = $derived.by<Problem | null>(() => {
    if (this.#panel === 'kept') return this.#fetched.problem ?? this.#priced.problem;
    if (this.#panel === 'memory') return this.#priced.problem;
    if (this.#panel === 'rounded') return this.#rounds.problem;
    if (this.#panel === 'time') return this.#clock.problem;
    return this.recorded.problem;
  });

  readonly #cache = $derived(this.cost && this.m ? cacheSizes(this.cost, this.m.model.max_context) : null);
  readonly layer = $derived(this.#cache?.layer ?? null);
  readonly convs = $derived(this.#cache?.convolutions ?? []);
  readonly states = $derived(this.#cache?.states ?? 0);
  readonly row = $derived(this.#cache?.row ?? 0);
  readonly full = $derived(this.#cache?.full ?? null);
  readonly sizes = $derived(this.m ? sizesOf(this.m, this.cost, this.recurrent ? 'states' : 'convolutions') : []);

  constructor() {
    $effect(() => {
      const [of, on, quick] = [this.source, this.live && this.#panel === 'speed', this.small];
      if (!of || of.recorded) return;
      untrack(() => {
        if (this.bench.of !== of.manifest.id) this.bench.show(of.manifest.id);
        if (on && quick && this.bench.points.length === 0 && !this.bench.busy && !this.bench.problem)
          void this.bench.start(of.manifest);
      });
    });

    $effect(() => () => this.bench.stop());
  }
}

/** Chapter 4's state: the layer on show, its feed-forward part or its router, and what was fetched of them. */
import { untrack } from 'svelte';
import type { Source } from '../../api/source';
import { resource } from '../../kit/data/resource.svelte';
import { models } from '../../state/models.svelte';
import { run } from '../../state/run.svelte';
import { selection } from '../../state/selection.svelte';
import { cannotShow, shareHeld, sizesOf, whyChosen } from './model';
import { Stage } from '../stage.svelte';
import { PARAMS } from './index';
import { loads, mixtures, pathOf, sentOf, surest } from './experts';
import { meetingOf } from './meeting';
import { heaviest } from './parts';
import { drawnNeurons, networkOf } from './network';
import { wayOf } from './stages';

async function every(from: Source, at: number, layers: number[], signal: AbortSignal) {
  await from.needNeurons(at);
  return { of: from, at, parts: await Promise.all(layers.map((layer) => from.feedForward(layer, at, signal))) };
}

/** As many tokens as a matrix can show. */
const MOST_ROWS = 40;

export class FeedForwardState {
  /** A lesson has a router's scores at every token and layer, and neurons' values at one token only. */
  readonly stage = new Stage(PARAMS, () => (this.mixed.length > 0 ? [] : ['token', 'layer']));
  readonly source = $derived(run.source);
  readonly m = $derived(this.source?.manifest ?? null);
  readonly tokens = $derived(this.m?.tokens ?? []);
  readonly look = $derived(this.stage.look);
  readonly pos = $derived(Math.max(0, Math.min(this.look.token, selection.positions - 1)));

  readonly cannot = $derived(this.m ? cannotShow(models.isExported(this.m.model.slug), this.m.model.d_mlp) : null);

  readonly specs = resource(() => {
    const from = this.source;
    return from && !this.cannot && (from.recorded || models.loaded)
      ? async (signal) => ({ of: from, spec: await from.spec(signal) })
      : null;
  });
  readonly spec = $derived(this.specs.value?.of === this.source ? (this.specs.value?.spec ?? null) : null);
  /** Layers that are mixtures of experts, and those that are not. */
  readonly mixed = $derived(this.spec ? mixtures(this.spec) : []);
  readonly dense = $derived(
    this.spec ? this.spec.layers.flatMap((l, i) => (l.mlp.experts || l.mlp.d_mlp === 0 ? [] : [i])) : [],
  );

  readonly all = resource(() => {
    const [from, at, layers] = [this.source, this.pos, this.dense];
    return from && layers.length > 0 ? (signal) => untrack(() => every(from, at, layers, signal)) : null;
  });
  readonly parts = $derived(
    this.all.value?.of === this.source && this.all.value.at === this.pos ? this.all.value.parts : null,
  );
  readonly best = $derived(this.parts && heaviest(this.parts));
  readonly paths = resource(() => {
    const [from, at, layers] = [this.source, this.pos, this.mixed];
    const like = this.spec?.layers[layers[0] ?? 0].mlp.experts;
    return from && like
      ? async (signal) => ({ of: from, is: await untrack(() => pathOf(from, layers, at, like, signal)) })
      : null;
  });
  readonly path = $derived(
    this.paths.value?.of === this.source && this.paths.value.is.pos === this.pos ? this.paths.value.is : null,
  );
  readonly #sure = $derived(this.path && surest(this.path));
  readonly #named = $derived(this.stage.chose('layer'));
  readonly layer = $derived(
    this.#named ? this.look.layer : (this.#sure?.layer ?? this.mixed[0] ?? this.best?.layer ?? 0),
  );
  readonly part = $derived(this.parts?.find((f) => f.layer === this.layer) ?? null);
  readonly neuron = $derived(this.look.neuron ?? this.part?.strongest[0]?.neuron ?? 0);

  readonly #block = $derived(this.spec?.layers[this.layer] ?? null);
  readonly mlp = $derived(this.#block?.mlp ?? null);
  /** Set where the layer on show is a mixture. */
  readonly experts = $derived(this.mlp?.experts ?? null);
  readonly sending = resource(() => {
    const [from, l, at, of] = [this.source, this.layer, this.pos, this.experts];
    // Which layer is shown by itself is known only with the path.
    return from && of && (this.#named || this.#sure)
      ? async (signal) => ({ from, is: await untrack(() => sentOf(from, l, at, of, signal)) })
      : null;
  });
  readonly sent = $derived(
    this.sending.value?.from === this.source &&
      this.sending.value.is.layer === this.layer &&
      this.sending.value.is.pos === this.pos
      ? this.sending.value.is
      : null,
  );
  /** What the words are about in a model that has mixtures: the layer on show, or the first that is one. */
  readonly mixture = $derived.by(() => {
    const of = this.experts ? this.mlp : this.spec?.layers[this.mixed[0]]?.mlp;
    return of?.experts ? { experts: of.experts, neurons: of.d_mlp } : null;
  });
  readonly counts = $derived(this.sent && loads(this.sent.gates, this.sent.experts.count));

  readonly way = resource(() => {
    const [from, l, at, how, part] = [this.source, this.layer, this.pos, this.mlp, this.look.part];
    return from && how && !how.experts && this.best && (part === 'stages' || part === 'few')
      ? (signal) => untrack(() => wayOf(from, l, at, how.gated, part === 'stages', signal))
      : null;
  });
  /** A few neurons, drawn; a recording has those of the layer and token that the chapter begins with. */
  readonly few = resource(() => {
    const [from, way, how, b, part, n] = [
      this.source,
      this.way.value,
      this.mlp,
      this.#block,
      this.part,
      this.look.neuron,
    ];
    if (!from || !way || !how || how.experts || !b || !part || this.look.part !== 'few') return null;
    if (way.layer !== this.layer || way.pos !== this.pos) return null;
    const shape = { gated: how.gated, norm: b.ln2 ?? null, parallel: b.parallel };
    const neurons = drawnNeurons(part, n ?? part.strongest[0].neuron);
    return (signal) => untrack(() => networkOf(from, way, neurons, shape, signal));
  });
  readonly met = resource(() => {
    const [from, l, n, at, how, b] = [this.source, this.layer, this.neuron, this.pos, this.mlp, this.#block];
    if (!from || from.recorded || !how || how.experts || !b || !this.best || this.look.part !== 'matrix') return null;
    const shape = {
      gated: how.gated,
      neurons: how.d_mlp,
      bias: how.bias,
      norm: b.ln2 ?? null,
      parallel: b.parallel,
    };
    const rows = Math.min(selection.positions, Math.max(at + 1, MOST_ROWS));
    return (signal) => untrack(() => meetingOf(from, l, n, rows, shape, signal));
  });
  readonly #one = resource(() => {
    const [from, l, n, at] = [this.source, this.layer, this.neuron, this.pos];
    // A recording has a few neurons only: without this one the strips stand alone.
    return from && this.best && !this.experts && this.look.part === 'stages'
      ? (signal) => untrack(() => from.neuron(l, n, at, signal)).catch(() => null)
      : null;
  });
  readonly told = $derived(
    this.#one.value &&
      this.#one.value.layer === this.layer &&
      this.#one.value.neuron === this.neuron &&
      this.#one.value.pos === this.pos
      ? this.#one.value
      : null,
  );

  /** Share of the model's weights that is in these parts. */
  readonly held = $derived.by(() => {
    const of = this.m?.model;
    const parameters = models.list.find((s) => s.slug === of?.slug)?.parameters;
    return of && this.spec ? shareHeld(this.spec, of.d_model, parameters) : null;
  });
  readonly why = $derived(this.#named ? null : whyChosen(this.#sure, this.best, this.m?.model.n_layers ?? 0));
  readonly sizes = $derived(this.m ? sizesOf(this.spec, this.m.model.d_model, this.mlp) : []);
}

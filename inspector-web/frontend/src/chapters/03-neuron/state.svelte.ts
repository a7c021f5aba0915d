/** Chapter 3's state: the neuron on show, what was fetched of it, and the values it takes over the prompt. */
import { untrack } from 'svelte';
import type { Source } from '../../api/source';
import type { FeedForward } from '../../api/types';
import { resource } from '../../kit/data/resource.svelte';
import { models } from '../../state/models.svelte';
import { run } from '../../state/run.svelte';
import { selection } from '../../state/selection.svelte';
import { cannotShow, sizesOf, whyChosen } from './model';
import { Stage } from '../stage.svelte';
import { PARAMS } from './index';
import { strongest } from './neuron';

/** The text over which the neuron's values are shown until a reader writes another. */
export const STANDARD =
  'Once upon a time, a brave mouse named Mia lived in a stone hut in the forest with Grandfather. One warm day a shy fox named Ben came to visit Mia. Mia gave a red ball to Ben. "Thank you, Mia," said Ben. They looked for apples. Mia found five apples, and Ben found two apples. "Five and two make seven," said Ben. Ben was happy. Mia went home.';

/** What every neuron's value stands in, and what only a mixture has. */
const POST = 'blocks.{i}.mlp.hook_post';

const ROUTED = 'blocks.{i}.mlp.hook_router_logits';

/** Every layer's part at the last prompt token, and that whose strongest neuron makes the largest share of it. */
async function most(
  from: Source,
  signal: AbortSignal,
): Promise<{ of: Source; parts: FeedForward[]; part: FeedForward }> {
  const at = from.manifest.prompt_length - 1;
  await from.needNeurons(at);
  // A layer that is a mixture has no neurons that all tokens meet.
  const layers = (await from.spec(signal)).layers.flatMap((l, i) => (l.mlp.experts || l.mlp.d_mlp === 0 ? [] : [i]));
  const parts = await Promise.all(layers.map((layer) => from.feedForward(layer, at, signal)));
  const part = parts.reduce((a, b) => (b.strongest[0].share > a.strongest[0].share ? b : a));
  return { of: from, parts, part };
}

export class NeuronState {
  readonly stage = new Stage(PARAMS, () => ['layer']);
  readonly source = $derived(run.source);
  readonly m = $derived(this.source?.manifest ?? null);
  readonly tokens = $derived(this.m?.tokens ?? []);
  readonly #look = $derived(this.stage.look);
  readonly pos = $derived(Math.max(0, Math.min(this.#look.token, selection.positions - 1)));

  /** Of all layers' neurons the one that makes the largest part of what its layer writes at the last prompt token. */
  readonly telling = resource(() => {
    const from = this.source;
    return from && !this.cannot ? (signal) => untrack(() => most(from, signal)) : null;
  });

  readonly #told = $derived(this.telling.value?.of === this.source ? this.telling.value : null);
  readonly #best = $derived(this.#told?.part ?? null);
  /** A neuron was named, or its layer. */
  readonly #named = $derived(this.#look.neuron !== null || this.stage.chose('layer'));
  readonly layer = $derived(this.#named ? this.#look.layer : (this.#best?.layer ?? 0));
  /** The one that was named; otherwise its layer's strongest at the last prompt token. */
  readonly index = $derived(
    this.#look.neuron ?? this.#told?.parts.find((p) => p.layer === this.layer)?.strongest[0].neuron ?? 0,
  );

  readonly #specs = resource(() => {
    const from = this.source;
    return from && (from.recorded || models.loaded)
      ? async (signal) => ({ of: from, spec: await from.spec(signal) })
      : null;
  });
  readonly #mlp = $derived(
    this.#specs.value?.of === this.source ? (this.#specs.value?.spec.layers[this.layer]?.mlp ?? null) : null,
  );
  /** Layers whose neurons all tokens meet: all but mixtures. */
  readonly layers = $derived(
    this.#specs.value?.of === this.source
      ? (this.#specs.value?.spec.layers.filter((l) => !l.mlp.experts).length ?? 0)
      : (this.m?.model.n_layers ?? 0),
  );
  readonly neurons = $derived(this.#best?.neurons ?? this.#mlp?.d_mlp ?? 0);

  readonly #ready = $derived(this.source !== null && (this.#best !== null || this.telling.problem !== null));
  readonly at = resource(() => {
    const [from, l, n, where] = [this.source, this.layer, this.index, this.pos];
    return from && this.#ready ? (signal) => untrack(() => from.neuron(l, n, where, signal)) : null;
  });
  /** While another place's comes, this run's last one stays, and the figure is marked as stale. */
  readonly neuron = $derived(this.at.last && this.m && this.at.last.run === this.m.id ? this.at.last : null);

  /** One value per position. */
  readonly fires = resource(() => {
    const [from, l, n] = [this.source, this.layer, this.index];
    if (!from || !this.#ready) return null;
    return async (signal) => {
      const hook = `blocks.${l}.mlp.hook_post`;
      await untrack(() => from.need([hook]));
      const { data } = await untrack(() => from.capture(hook, { feature: n }, signal));
      return { of: from, l, n, data };
    };
  });
  readonly values = $derived(
    this.fires.value?.of === this.source && this.fires.value.l === this.layer && this.fires.value.n === this.index
      ? this.fires.value.data
      : null,
  );
  readonly #before = resource(() => {
    const [from, l, n] = [this.source, this.layer, this.index];
    if (!from || from.recorded || !this.#ready || this.#look.part !== 'bend') return null;
    return async (signal) => {
      const hook = `blocks.${l}.mlp.hook_pre`;
      await untrack(() => from.need([hook]));
      const { data } = await untrack(() => from.capture(hook, { feature: n }, signal));
      return { of: from, l, n, data };
    };
  });
  readonly sums = $derived(
    this.#before.value?.of === this.source && this.#before.value.l === this.layer && this.#before.value.n === this.index
      ? this.#before.value.data
      : null,
  );
  readonly right = $derived(this.values ? strongest(this.values, selection.promptLength) : null);

  readonly cannot = $derived.by(() => {
    const slug = this.m?.model.slug;
    if (slug === undefined) return null;
    return cannotShow({
      exported: models.isExported(slug),
      neurons: this.m?.model.d_mlp ?? 0,
      onlyMixtures: models.hidden(slug, POST) !== undefined && models.hidden(slug, ROUTED) === undefined,
      streamNorms:
        this.#specs.value?.of === this.source && this.#specs.value.spec.layers.some((l) => l.stream_norms === true),
    });
  });
  readonly why = $derived(
    this.#best && !this.#named ? whyChosen(this.neurons * this.layers, this.#best.strongest[0].share) : null,
  );
  readonly sizes = $derived(this.m ? sizesOf(this.m.model.d_model, this.neurons, this.layers, this.neuron) : []);
}

/** Chapter 6's state: the token that should have come, the gradients of its loss, and the chain rule's links. */
import { untrack } from 'svelte';
import type { Source } from '../../api/source';
import type { Gradients, Norms } from '../../api/types';
import { byRank } from '../../kit/data/math/distribution';
import { resource } from '../../kit/data/resource.svelte';
import { hasTexts, visible } from '../../kit/text/tokens';
import { models } from '../../state/models.svelte';
import { run } from '../../state/run.svelte';
import { vocabulary } from '../../state/vocabulary.svelte';
import { cannotShow, sizesOf } from './model';
import { Stage } from '../stage.svelte';
import { blame, chain, second } from './asks';
import { PARAMS, record } from './index';
import { linksOf, mostBlamed, readBy } from './links';
import { blamedLayers, fittingRate, mostTelling, passesOf, rowAt, saliency, weightCount } from './passes';
import { Copy, type Lesson } from './copy.svelte';

const CANDIDATES = 12;

async function candidates(from: Source, at: number, signal: AbortSignal): Promise<number[]> {
  const run = from.manifest;
  if (from.recorded) return run.generation?.steps[0]?.alternatives.map((a) => a.id) ?? [];
  const logits = await from.capture('logits', { pos: at }, signal);
  return Array.from(byRank(logits.data).subarray(0, CANDIDATES));
}

export class BackpropagationState {
  readonly stage = new Stage(PARAMS);
  readonly source = $derived(run.source);
  readonly m = $derived(this.source?.manifest ?? null);
  readonly look = $derived(this.stage.look);
  readonly #pos = $derived(this.m ? this.m.prompt_length - 1 : 0);
  readonly #textual = $derived(this.m !== null && hasTexts(this.m.tokens));

  readonly cannot = $derived(this.m ? cannotShow(models.isExported(this.m.model.slug)) : null);

  readonly ranked = resource(() => {
    const [from, at] = [this.source, this.#pos];
    if (!from || this.cannot) return null;
    return async (signal) => ({ of: from, ids: await candidates(from, at, signal) });
  });
  readonly #likely = $derived(this.ranked.value?.of === this.source ? this.ranked.value.ids : []);
  readonly target = $derived(
    this.look.target ?? (this.source?.recorded && this.m ? second(this.m) : (this.#likely[1] ?? null)),
  );
  readonly choices = $derived(this.target === null ? this.#likely : [...new Set([...this.#likely, this.target])]);
  readonly name = (id: number) => (this.m && this.#textual ? vocabulary.text(this.m.model.slug, id) : `⟨${id}⟩`);
  readonly quoted = (id: number | null) => (id === null ? 'the token' : `“${visible(this.name(id) ?? `⟨${id}⟩`)}”`);

  readonly gradients = resource<{ of: Source; target: number; g: Gradients }>(() => {
    const [of, t] = [this.source, this.target];
    return of && t !== null && !this.cannot
      ? (signal) =>
          untrack(async () => {
            const { layers } = await of.spec(signal);
            const neurons = layers.some(({ mlp }) => !mlp.experts && mlp.d_mlp > 0);
            return { of, target: t, g: await of.ask(blame(of.manifest, t, neurons), signal) };
          })
      : null;
  });
  readonly g = $derived(
    this.gradients.value?.of === this.source && this.gradients.value.target === this.target
      ? this.gradients.value.g
      : null,
  );
  readonly #norms = resource<Norms>(() => {
    const from = this.source;
    return from && !this.cannot
      ? (signal) => untrack(() => from.need(['blocks.*.hook_resid_post']).then(() => from.norms(signal)))
      : null;
  });
  readonly passes = $derived(this.m ? passesOf(this.m.model.n_layers, this.#pos, this.#norms.value, this.g) : []);
  readonly lengths = $derived(this.g ? saliency(this.g) : null);
  readonly right = $derived(this.lengths ? mostTelling(this.lengths) : null);
  /** Layers by how long the gradient of their neurons' activations is, the longest first. */
  readonly blame = $derived(this.g ? blamedLayers(this.g, this.#pos) : []);
  readonly blamed = $derived(this.blame[0]?.layer ?? null);

  readonly links = resource(() => {
    const [from, t, layer, at, neuron] = [this.source, this.target, this.blamed, this.#pos, this.look.neuron];
    if (!from || from.recorded || t === null || layer === null || this.look.panel !== 'chain') return null;
    return (signal) =>
      untrack(async () => {
        const hook = `blocks.${layer}.mlp.hook_post`;
        const [answer, post, reads, spec] = await Promise.all([
          from.ask(chain(from.manifest, t, layer), signal),
          from.capture(hook, { pos: at }, signal),
          readBy(from, layer, at, signal),
          from.spec(signal),
        ]);
        const n = neuron ?? mostBlamed(post.data, rowAt(answer, hook, at) ?? []);
        const told = await from.neuron(layer, n, at, signal);
        const of = { layer, neuron: n, pos: at, gated: spec.layers[layer].mlp.gated };
        return linksOf(answer, of, post.data, reads, told);
      });
  });

  /** Another of the chapter's prompts: what the update was not about. */
  readonly other = $derived(
    this.#textual ? (record.examples.find((e) => e.prompt !== this.m?.prompt)?.prompt ?? null) : null,
  );
  /** The copy that updates are made to; closed with the chapter. */
  readonly copy = new Copy();
  readonly teach = $derived<Lesson | null>(
    this.m && this.target !== null && this.g
      ? {
          run: this.m,
          target: this.target,
          rivals: [...new Set([this.target, ...this.choices.slice(0, 5)])],
          other: this.other,
          rate: this.look.rate ?? fittingRate(this.g),
        }
      : null,
  );
  readonly first = $derived(this.passes[0]?.here ?? null);
  readonly last = $derived(this.passes.at(-1)?.here ?? null);
  readonly weights = $derived(this.g ? weightCount(this.g) : null);
  readonly sizes = $derived(this.m ? sizesOf(this.weights, this.m.model.n_layers) : []);

  constructor() {
    $effect(() => {
      const [source, slug] = [this.source, this.m?.model.slug];
      if (!source || slug === undefined) return;
      if (source.vocabulary) source.vocabulary.forEach((t, id) => vocabulary.learn(slug, id, t));
      else if (this.#textual) vocabulary.want(slug, this.choices);
    });
  }
}

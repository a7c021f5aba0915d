/** Chapter 10's state: the head and the two positions on show, its scores at other distances, and moved prompts. */
import { untrack } from 'svelte';
import type { PositionSchemes } from '../../api/types';
import { resource } from '../../kit/data/resource.svelte';
import { headCount, insteadOfHeads, noHeads, recurrent, withHeads } from '../../state/heads';
import { models } from '../../state/models.svelte';
import { page } from '../../state/page.svelte';
import { run } from '../../state/run.svelte';
import { selection } from '../../state/selection.svelte';
import { sizesOf, whyChosen } from './model';
import { Stage } from '../stage.svelte';
import { BY, distancesOf, headsOf, nextOf, schemesOf, shiftOf } from './asks';
import { PARAMS } from './index';
import { exchanged, schemeOf } from './turns';

export class RopeState {
  readonly stage = new Stage(PARAMS, () => ['token']);
  readonly source = $derived(run.source);
  readonly #m = $derived(this.source?.manifest ?? null);
  readonly #look = $derived(this.stage.look);
  readonly cannot = $derived(this.#m ? noHeads(this.#m) : null);
  readonly recurrent = $derived(this.#m !== null && recurrent(this.#m).length > 0);
  readonly query = $derived(Math.max(0, Math.min(this.#look.token, selection.positions - 1)));

  readonly told = resource(() => {
    const from = this.source;
    if (!from || !(from.recorded || models.loaded)) return null;
    return async (signal) => ({ of: from, v: await from.ask(schemesOf(from.manifest.model.slug), signal) });
  });
  readonly schemes = $derived<PositionSchemes | null>(this.told.value?.of === this.source ? this.told.value.v : null);
  readonly turns = $derived(this.schemes?.schemes.some((s) => s.kind === 'rope') ?? false);
  readonly slopes = $derived(this.schemes?.schemes.some((s) => s.kind === 'alibi') ?? false);
  readonly learned = $derived(this.schemes?.learned ?? false);

  /** The head whose score depends most on distance, where any does. */
  readonly ranges = resource(() => {
    const from = this.source;
    return from && this.schemes && (this.turns || this.slopes)
      ? (signal) => untrack(() => from.ask(headsOf(from.manifest.id), signal)).then((v) => ({ of: from, v }))
      : null;
  });
  readonly best = $derived(this.ranges.value?.of === this.source ? (this.ranges.value.v.heads[0] ?? null) : null);
  readonly named = $derived(page.layer !== null || page.head !== null);
  readonly #chosen = $derived(this.named ? this.#look.layer : (this.best?.layer ?? 0));
  readonly layer = $derived(this.#m ? withHeads(this.#m, this.#chosen) : this.#chosen);
  readonly instead = $derived(this.#m ? insteadOfHeads(this.#m, this.#chosen) : null);
  readonly head = $derived(this.named ? this.#look.head : (this.best?.head ?? 0));
  readonly scheme = $derived(schemeOf(this.schemes, this.layer));

  readonly asked = resource(() => {
    const [from, l, h, q, k] = [this.source, this.layer, this.head, this.query, this.#look.key];
    if (!from || this.cannot || !this.schemes || ((this.turns || this.slopes) && !this.best && !this.ranges.problem))
      return null;
    return (signal) =>
      untrack(() => from.ask(distancesOf(from.manifest.id, l, h, q, k), signal)).then((v) => ({ of: from, v }));
  });
  readonly d = $derived.by(() => {
    const v = this.asked.value?.of === this.source ? this.asked.value.v : null;
    return v && v.layer === this.layer && v.head === this.head && v.query === this.query ? v : null;
  });

  readonly exported = $derived(this.#m ? models.isExported(this.#m.model.slug) : false);
  readonly most = $derived(this.schemes && this.#m ? this.schemes.max_context - this.#m.prompt_length : 0);
  readonly by = $derived(Math.max(1, Math.min(this.#look.by ?? BY, this.most)));
  readonly #moved = resource(() => {
    const [from, n, l] = [this.source, this.by, this.layer];
    if (!from || !this.schemes || this.most < 1 || this.exported || this.#look.panel !== 'shift') return null;
    return async (signal) => {
      await new Promise((done) => setTimeout(done, 150)); // a slider moves on
      signal.throwIfAborted();
      return untrack(() => from.ask(shiftOf(from.manifest.id, n, l), signal));
    };
  });
  readonly shift = $derived(this.#moved.value && this.#moved.value.run === this.#m?.id ? this.#moved.value : null);

  readonly #swapped = $derived(this.#m ? exchanged(this.#m.tokens.slice(0, this.#m.prompt_length)) : null);
  readonly #orders = resource(() => {
    const [from, other] = [this.source, this.#swapped];
    if (!from || !other || this.#look.panel !== 'order') return null;
    const run = from.manifest;
    const ids = run.tokens.slice(0, run.prompt_length).map((t) => t.id);
    const then = run.tokens[run.prompt_length]?.id ?? ids[0];
    return (signal) =>
      untrack(() =>
        Promise.all([
          from.ask(nextOf(run.model.slug, { tokens: ids }, then), signal),
          from.ask(nextOf(run.model.slug, other.prompt, then), signal),
        ]),
      ).then((answers) => ({ of: from, words: other.words, answers }));
  });
  readonly order = $derived(this.#orders.value?.of === this.source ? this.#orders.value : null);
  readonly trouble = $derived(
    this.#look.panel === 'shift' ? this.#moved.problem : this.#look.panel === 'order' ? this.#orders.problem : null,
  );

  readonly why = $derived(
    this.named || !this.best || !this.#m ? null : whyChosen(this.layer, this.head, headCount(this.#m), this.best.range),
  );
  readonly sizes = $derived(this.#m && this.schemes ? sizesOf(this.schemes, this.#m.model.d_model) : []);
}

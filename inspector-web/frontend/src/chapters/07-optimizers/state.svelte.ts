/** Chapter 7's state: the surface and the starting point on show, and the optimizers' walks over it. */
import { untrack } from 'svelte';
import type { Source } from '../../api/source';
import type { Descent } from '../../api/types';
import { resource } from '../../kit/data/resource.svelte';
import { models } from '../../state/models.svelte';
import { run } from '../../state/run.svelte';
import { cannotShow, sizesOf } from './model';
import { Stage } from '../stage.svelte';
import { PARAMS } from './index';
import { chosen, endsOf, finer, lowest, MADE, onLoss, onMade, SLICE, type Kind } from './walks';

const SMALL = 20_000_000;

export class OptimizersState {
  readonly stage = new Stage(PARAMS);
  readonly source = $derived(run.source);
  readonly #m = $derived(this.source?.manifest ?? null);
  readonly #look = $derived(this.stage.look);
  readonly cannot = $derived(this.#m ? cannotShow(models.isExported(this.#m.model.slug)) : null);
  readonly weights = $derived(models.list.find((s) => s.slug === this.#m?.model.slug)?.parameters ?? null);
  /** Four updates of it take a moment: they are made without being asked for. */
  readonly small = $derived((this.weights ?? Infinity) <= SMALL);

  readonly #panel = $derived(this.stage.asking ? 'made' : this.#look.panel);
  readonly place = $derived(
    this.#panel === 'real'
      ? chosen(SLICE, this.#look.x, this.#look.y, this.#look.times)
      : this.stage.asking
        ? MADE.ravine
        : chosen(MADE[this.#look.surface], this.#look.x, this.#look.y, this.#look.times),
  );
  readonly ask = $derived(
    !this.#m
      ? null
      : this.#panel === 'real'
        ? onLoss(this.#m, this.place)
        : onMade(this.stage.asking ? 'ravine' : this.#look.surface, this.place),
  );
  readonly #surface = $derived(JSON.stringify(this.ask?.body.surface));
  readonly walk = resource<{ of: Source; surface: string; descent: Descent }>(() => {
    const [of, what, surface] = [this.source, this.ask, this.#surface];
    if (!of || !what || this.cannot || (this.#panel !== 'made' && this.#panel !== 'real')) return null;
    return async (signal) => ({ of, surface, descent: await of.ask(what, signal) });
  });
  /** What does not depend on the start: while another walk comes, the surface stays. */
  readonly #coarse = $derived(
    this.walk.last?.of === this.source && this.walk.last.surface === this.#surface
      ? (this.walk.last.descent.values ?? null)
      : null,
  );
  readonly walks = $derived(this.walk.value?.descent.paths ?? []);
  /** The real slice once more, finer: asked for once the walks are there, left when another walk is wanted. */
  readonly #fine = resource<{ of: Source; descent: Descent }>(() => {
    const [of, m, idle] = [this.source, this.#m, this.walk.value !== null];
    if (!of || !m || of.recorded || this.#panel !== 'real' || !idle) return null;
    if (untrack(() => this.#fine.last?.of === of)) return null;
    return async (signal) => ({ of, descent: await of.ask(finer(m), signal) });
  });
  readonly finer = $derived(this.#panel === 'real' && this.#fine.pending);
  readonly heights = $derived(
    (this.#panel === 'real' && this.#coarse && this.#fine.last?.of === this.source
      ? this.#fine.last.descent.values
      : null) ?? this.#coarse,
  );
  /** What the words tell of the real walks; null until they are there. */
  readonly told = $derived(
    this.#panel === 'real' && this.walk.value && this.#coarse ? endsOf(this.walk.value.descent, this.#coarse) : null,
  );
  readonly #ravine = resource<{ of: Source; descent: Descent }>(() => {
    const of = this.source;
    return of && !this.cannot
      ? async (signal) => ({ of, descent: await of.ask(onMade('ravine', MADE.ravine), signal) })
      : null;
  });
  readonly #known = $derived(this.#ravine.value?.of === this.source ? this.#ravine.value.descent : null);
  readonly right = $derived(this.#known ? lowest(this.#known) : null);
  readonly heightOf = (kind: Kind) => {
    const points = this.#known?.paths.find((x) => x.kind === kind)?.points ?? [];
    return points[points.length - 1]?.value ?? NaN;
  };
  readonly sizes = $derived(this.#m && this.weights !== null ? sizesOf(this.weights) : []);
}

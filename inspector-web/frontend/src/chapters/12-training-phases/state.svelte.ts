/** Chapter 12's state: a model's checkpoints, the prompt's run at each, its heads' scores, and the model that adds. */
import { untrack } from 'svelte';
import { api } from '../../api/client';
import { Problem } from '../../api/problem';
import type { Source } from '../../api/source';
import type { Curve, HeadProfile, RunManifest } from '../../api/types';
import { heightAt } from '../../kit/figure/curve';
import { resource } from '../../kit/data/resource.svelte';
import { called, hasTexts } from '../../kit/text/tokens';
import { models } from '../../state/models.svelte';
import { run } from '../../state/run.svelte';
import { cannotShow, formationOf, sizesOf } from './model';
import { Stage } from '../stage.svelte';
import { checkpointsOf, CLOCK, clockOf, curveOf, repeatedOf, runOf, wavesOf } from './asks';
import { PARAMS } from './index';
import { firstRight, halfway, laterStages, reached, statesOf, whose, type State } from './life';

const NOT_FOUND = 404;

interface Life {
  of: string;
  curve: Curve | null;
  states: State[];
}

async function told(from: Source, of: string, signal: AbortSignal): Promise<Life> {
  try {
    const [{ checkpoints }, curve] = await Promise.all([
      from.ask(checkpointsOf(of), signal),
      from.ask(curveOf(of), signal),
    ]);
    return { of, curve, states: statesOf(of, checkpoints, curve) };
  } catch (error) {
    if (Problem.of(error).status !== NOT_FOUND) throw error;
    return { of, curve: null, states: [] };
  }
}

async function whoCan(signal: AbortSignal): Promise<string | null> {
  for (const { slug: of, has_tokenizer, exported, trouble } of models.list) {
    if (!has_tokenizer || exported || trouble) continue;
    if ((await api.checkpoints(of, signal)).length > 1) return of;
  }
  return null;
}

interface Adder {
  of: Source;
  slug: string;
  curve: Curve;
  states: State[];
}

const added = async (from: Source, of: string, signal: AbortSignal): Promise<Adder> => {
  const [{ checkpoints }, losses] = await Promise.all([
    from.ask(checkpointsOf(of), signal),
    from.ask(curveOf(of), signal),
  ]);
  return { of: from, slug: of, curve: losses, states: statesOf(of, checkpoints, losses) };
};

export class TrainingPhasesState {
  readonly stage = new Stage(PARAMS);
  readonly look = $derived(this.stage.look);
  readonly source = $derived(run.source);
  readonly m = $derived(this.source?.manifest ?? null);
  readonly #slug = $derived(this.m ? whose(this.m.model.slug) : null);
  readonly #life = resource<Life>(() => {
    const [from, of] = [this.source, this.#slug];
    return from && of ? (signal) => untrack(() => told(from, of, signal)) : null;
  });
  readonly #known = $derived(this.#life.value?.of === this.#slug ? this.#life.value : null);
  readonly states = $derived(this.#known?.states ?? []);
  readonly curve = $derived(this.#known?.curve ?? null);
  readonly last = $derived(this.states.at(-1) ?? null);

  readonly cannot = $derived(cannotShow(this.m !== null && models.isExported(this.m.model.slug), this.#known));
  /** A model of the list that kept some. */
  readonly able = resource<string | null>(() =>
    this.cannot && models.loaded ? (signal) => untrack(() => whoCan(signal)) : null,
  );

  /** Each state's run of the prompt, as they come: the finished model's first. */
  #made = $state.raw<{ of: Source; runs: Record<string, RunManifest> } | null>(null);
  /** What is on show is run first: the engine does one thing at a time. */
  readonly #free = $derived.by(
    () => this.look.panel !== 'grokking' || this.#waves.value !== null || this.#waves.problem !== null,
  );
  readonly #lived = resource<null>(() => {
    const [from, all] = [this.source, this.states];
    return from && all.length > 1 && this.#free ? (signal) => untrack(() => this.#live(from, all, signal)) : null;
  });
  async #live(from: Source, all: State[], signal: AbortSignal): Promise<null> {
    let runs: Record<string, RunManifest> = {};
    for (const s of [all[all.length - 1], ...all.slice(0, -1)]) {
      const answer = await from.ask(runOf(from.manifest, s.slug), signal);
      if (signal.aborted) return null;
      this.#made = { of: from, runs: (runs = { ...runs, [s.slug]: answer }) };
    }
    return null;
  }
  readonly runs = $derived(this.#made && this.#made.of === this.source ? this.#made.runs : {});
  readonly right = $derived(firstRight(this.states, this.runs));
  /** The state on show: what was chosen, else where the right word first comes, else the last. */
  readonly step = $derived(
    this.states.find((s) => s.step === this.look.at)?.step ?? this.right ?? this.last?.step ?? 0,
  );
  readonly #end = $derived(this.last ? (this.runs[this.last.slug]?.generation?.steps[0] ?? null) : null);
  readonly word = $derived(this.#end ? called(this.#end.token) : 'the word');
  readonly before = $derived(
    this.right === null ? null : (this.states[this.states.findIndex((s) => s.step === this.right) - 1] ?? null),
  );

  readonly #heads = resource<{ of: string; profiles: HeadProfile[][] }>(() => {
    const [from, all, of, ready] = [this.source, this.states, this.#slug, this.right !== null];
    if (!from || !of || all.length < 2 || !ready) return null;
    return (signal) =>
      untrack(async () => {
        const profiles: HeadProfile[][] = [];
        for (const s of all) profiles.push((await from.ask(repeatedOf(s.slug), signal)).heads);
        return { of, profiles };
      });
  });
  /** Scores are kept while the states are read again: profiles of other states are not shown. */
  readonly profiles = $derived.by(() => {
    const scored = this.#heads.value;
    return scored?.of === this.#slug && scored.profiles.length === this.states.length ? scored.profiles : null;
  });
  readonly heights = (of: number) => (this.curve ? heightAt(this.curve, 'loss', of) : null);
  #formation(role: 'previous' | 'induction') {
    return this.profiles && this.m ? formationOf(this.profiles, this.states, this.m.model.n_heads, role) : null;
  }
  readonly previous = $derived(this.#formation('previous'));
  readonly induction = $derived(this.#formation('induction'));
  readonly half = $derived(this.curve ? halfway(this.curve) : null);
  readonly later = $derived(this.curve ? laterStages(this.curve) : []);
  /** What the words tell of later stages is of this model's documents. */
  readonly second = $derived(this.#slug === 'tales-4m' ? this.later[0] : undefined);
  readonly drills = $derived(this.later[1]);
  readonly stories = $derived(this.later[2]);
  readonly drawn = $derived(this.later[3]);
  readonly #shipped = resource(() => {
    const from = this.source;
    return from && !this.cannot ? (signal) => untrack(() => added(from, CLOCK, signal)) : null;
  });
  readonly #own = resource(() => {
    const [from, of] = [this.source, this.look.clock];
    return from && of ? (signal) => untrack(() => added(from, of, signal)) : null;
  });
  /** The words are about the shipped one, whichever is on show. */
  readonly #grokked = $derived(this.#shipped.value?.of === this.source ? this.#shipped.value : null);
  readonly ticks = $derived(
    this.look.clock === null
      ? this.#grokked
      : this.#own.value?.of === this.source && this.#own.value.slug === this.look.clock
        ? this.#own.value
        : null,
  );
  readonly tick = $derived(
    this.ticks?.states.find((s) => s.step === this.look.tick) ?? this.ticks?.states.at(-1) ?? null,
  );
  readonly #waves = resource(() => {
    const [from, at] = [this.source, this.tick];
    if (!from || !at || this.look.panel !== 'grokking') return null;
    return (signal) =>
      untrack(async () => ({
        slug: at.slug,
        waves: await from.ask(wavesOf(at.slug), signal),
        sums: await from.ask(clockOf(at.slug), signal),
      }));
  });
  readonly turned = $derived(
    this.#waves.value && this.tick && this.#waves.value.slug === this.tick.slug ? this.#waves.value : null,
  );
  readonly byHeart = $derived(this.#grokked ? reached(this.#grokked.curve, 'accuracy', 0.99) : null);
  readonly understood = $derived(this.#grokked ? reached(this.#grokked.curve, 'val_accuracy', 0.9) : null);

  readonly tuned = $derived(models.list.find((s) => s.slug === `${this.#slug}-instruct`)?.slug ?? null);

  readonly textual = $derived(this.m !== null && hasTexts(this.m.tokens));
  /** What failed of the panel on show. */
  readonly problem = $derived.by(() => {
    const { panel, clock } = this.look;
    const runs = panel === 'life' || panel === 'heads' ? this.#lived.problem : null;
    const scores = panel === 'heads' ? this.#heads.problem : null;
    const sums =
      panel === 'grokking'
        ? ((clock === null ? this.#shipped.problem : this.#own.problem) ?? this.#waves.problem)
        : null;
    return this.#life.problem ?? runs ?? scores ?? sums;
  });
  readonly sizes = $derived(this.m ? sizesOf(this.last, this.states.length, this.m.engine.weight_bytes) : []);
}

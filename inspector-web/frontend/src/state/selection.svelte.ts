import { untrack } from 'svelte';
import { positionsOf, type Source } from '../api/source';
import type { Token } from '../api/types';
import { page } from './page.svelte';
import { run } from './run.svelte';
import { scene } from './scene.svelte';

/** Storage of a choice: the URL for the run on show, a chapter's own state for a second run. Null: nothing was chosen. */
export interface Chosen {
  token: number | null;
  layer: number | null;
  head: number | null;
}

/** What a figure shows when nothing was chosen, and why. */
export interface Telling {
  layer: number;
  head: number;
  why: string;
}

/** The selected token, layer and head of one run, within what the run has. */
export class Selection {
  /** A token under the pointer, lit up in every figure of the run. */
  hover = $state<number | null>(null);
  /** The layer and head that say most in this run: what is shown when none was chosen. */
  telling = $state.raw<Telling | null>(null);
  readonly #source: () => Source | null;
  readonly #chosen: Chosen;

  constructor(source: () => Source | null, chosen: Chosen) {
    this.#source = source;
    this.#chosen = chosen;
  }

  readonly manifest = $derived.by(() => this.#source()?.manifest ?? null);
  readonly tokens: Token[] = $derived.by(() => this.manifest?.tokens ?? []);
  readonly promptLength: number = $derived.by(() => this.manifest?.prompt_length ?? 0);
  /** Positions that went through the model: the last generated token never did. */
  readonly positions: number = $derived.by(() => (this.manifest ? positionsOf(this.manifest) : 0));
  /** What is shown when nothing was chosen: the last token of the prompt, the telling layer and head or the first. */
  readonly own = $derived.by(() => ({
    token: Math.max(0, this.promptLength - 1),
    layer: this.telling?.layer ?? 0,
    head: this.telling?.head ?? 0,
  }));
  /** The selected token, wherever it is. */
  readonly token: number = $derived.by(() => within(this.#chosen.token ?? this.own.token, this.tokens.length));
  /** The selected token, among those that went through the model. */
  readonly pos: number = $derived.by(() => within(this.token, this.positions));
  readonly layer: number = $derived.by(() =>
    within(this.#chosen.layer ?? this.own.layer, this.manifest?.model.n_layers ?? 1),
  );
  readonly head: number = $derived.by(() =>
    within(this.#chosen.head ?? this.own.head, this.manifest?.model.n_heads ?? 1),
  );
  /** Whether layer and head are the figure's own choice. */
  readonly byItself: boolean = $derived.by(() => this.#chosen.layer === null && this.#chosen.head === null);

  /** Finds out which head says most in this run; call once, from a component. */
  follow(): void {
    $effect(() => {
      const source = this.#source();
      // Only where a head is shown: a run that lacks the patterns would be replayed for them.
      if (!source || !scene.now?.hooks.some((h) => h.endsWith('hook_pattern'))) return;
      const controller = new AbortController();
      untrack(() => source.reads(controller.signal))
        .then(({ heads: [best], criterion }) => {
          if (controller.signal.aborted) return;
          this.telling = best ? { layer: best.layer, head: best.head, why: criterion } : null;
        })
        .catch(() => {
          // No attention to be seen: then the first layer and head are as good as any.
          if (!controller.signal.aborted) this.telling = null;
        });
      return () => controller.abort();
    });
  }

  select(token: number): void {
    this.#chosen.token = within(token, this.tokens.length);
  }

  selectHead(layer: number, head: number): void {
    const m = this.manifest?.model;
    if (!m) return;
    this.#chosen.layer = within(layer, m.n_layers);
    this.#chosen.head = within(head, m.n_heads);
  }
}

function within(i: number, count: number): number {
  return Math.max(0, Math.min(i, count - 1));
}

/** Of the run on show. */
export const selection = new Selection(() => run.source, page);

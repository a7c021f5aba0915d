import type { Token } from '../api/types';
import { page } from './page.svelte';
import { run } from './run.svelte';

/** Selection is the token, layer and head that every figure is about; kept in the URL, cut to what the run has. */
class Selection {
  /** A token under the pointer, lit up in every figure. */
  hover = $state<number | null>(null);

  readonly tokens: Token[] = $derived(run.source?.manifest.tokens ?? []);
  readonly promptLength: number = $derived(run.source?.manifest.prompt_length ?? 0);
  /** Positions that went through the model: the last generated token never did. */
  readonly positions: number = $derived.by(() => {
    const m = run.source?.manifest;
    if (!m) return 0;
    const sized = m.captures.find((c) => c.axes[1] === 'pos');
    if (sized) return sized.shape[1];
    const pattern = m.captures.find((c) => c.axes.includes('query'));
    if (pattern) return pattern.shape[pattern.axes.indexOf('query')];
    return m.generation?.steps.length ? m.tokens.length - 1 : m.tokens.length;
  });
  /** The selected token, wherever it is. */
  readonly token: number = $derived(Math.max(0, Math.min(page.token ?? this.promptLength - 1, this.tokens.length - 1)));
  /** The same, where the model has seen it. */
  readonly pos: number = $derived(Math.max(0, Math.min(this.token, this.positions - 1)));
  readonly layer: number = $derived(Math.max(0, Math.min(page.layer, (run.source?.manifest.model.n_layers ?? 1) - 1)));
  readonly head: number = $derived(Math.max(0, Math.min(page.head, (run.source?.manifest.model.n_heads ?? 1) - 1)));

  select(token: number): void {
    page.token = Math.max(0, Math.min(token, this.tokens.length - 1));
  }

  selectHead(layer: number, head: number): void {
    const m = run.source?.manifest.model;
    if (!m) return;
    page.layer = Math.max(0, Math.min(layer, m.n_layers - 1));
    page.head = Math.max(0, Math.min(head, m.n_heads - 1));
  }
}

export const selection = new Selection();

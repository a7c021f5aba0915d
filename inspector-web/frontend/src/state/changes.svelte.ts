import { untrack } from 'svelte';
import { Problem } from '../api/problem';
import type { Source } from '../api/source';
import type { Intervention } from '../api/types';
import { lastTime, remember } from '../kit/data/lasttime';
import { page } from './page.svelte';
import { run } from './run.svelte';
import { againWith, madeRun, storedRun } from './runs.svelte';

/**
 * The interventions that a reader tries on the run on show. The changed run stands beside the unchanged
 * one; both are in the URL, and each change is undone by one click.
 */
class Changes {
  /** The run on show, made again with the changes. */
  source = $state.raw<Source | null>(null);
  pending = $state(false);
  problem = $state.raw<Problem | null>(null);
  startedAt = $state<number | undefined>();
  #sequence = 0;

  readonly list: Intervention[] = $derived(parseChanges(page.changes));
  /** Duration of the last changed run, in ms. */
  readonly lastTook: number | null = $derived(this.pending ? lastTime('change') : null);

  has(change: Intervention): boolean {
    const same = keyOf(change);
    return this.list.some((c) => keyOf(c) === same);
  }

  /** Adds an intervention. */
  add(change: Intervention): void {
    if (!this.has(change)) this.#set([...this.list, change]);
  }

  undo(change: Intervention): void {
    const same = keyOf(change);
    this.#set(this.list.filter((c) => keyOf(c) !== same));
  }

  clear(): void {
    this.#set([]);
  }

  again(): void {
    page.changed = null;
    void this.#run();
  }

  #set(list: Intervention[]): void {
    page.changes = list.length > 0 ? JSON.stringify(list) : null;
    page.changed = null;
  }

  /** Makes the changed run whenever the run on show or the changes are others; call once, from the root component. */
  follow(): void {
    $effect(() => {
      void page.changes;
      void run.source;
      untrack(() => void this.#run());
    });
  }

  async #run(): Promise<void> {
    const mine = ++this.#sequence;
    const [base, list] = [run.source, this.list];
    this.problem = null;
    const coming = base?.recorded && page.run !== null;
    if (!base || coming || list.length === 0) {
      this.source = null;
      this.pending = false;
      return;
    }
    this.pending = true;
    const from = (this.startedAt = performance.now());
    try {
      const made = await this.#made(base, list);
      if (mine !== this.#sequence) return;
      this.source = made;
      page.changed = made.manifest.id;
      remember('change', performance.now() - from);
    } catch (error) {
      if (mine !== this.#sequence) return;
      this.source = null;
      this.problem = Problem.of(error);
    } finally {
      if (mine === this.#sequence) this.pending = false;
    }
  }

  /** The run that the address names, if it is this one changed; otherwise a new one. */
  async #made(base: Source, list: Intervention[]): Promise<Source> {
    const all = [...(base.manifest.request.interventions ?? []), ...list];
    const wanted = all.map(keyOf).join();
    if (page.changed) {
      const stored = await storedRun(page.changed).catch(() => null);
      const { request, tokens } = stored?.manifest ?? {};
      const first = base.manifest.tokens.slice(0, base.manifest.prompt_length);
      const same = first.every((t, i) => tokens?.[i]?.id === t.id);
      if (stored && same && (request?.interventions ?? []).map(keyOf).join() === wanted) return stored;
    }
    return madeRun(againWith(base.manifest, { interventions: all }));
  }
}

function parseChanges(text: string | null): Intervention[] {
  if (!text) return [];
  try {
    const list: unknown = JSON.parse(text);
    return Array.isArray(list) ? list.filter((c) => typeof c?.hook === 'string' && typeof c?.op === 'string') : [];
  } catch {
    return [];
  }
}

/** Whether two lists of interventions are equal, whatever their order and whether defaults are written out. */
function keyOf(change: Intervention): string {
  return JSON.stringify(
    Object.entries(change)
      .filter(([, v]) => v != null && !(Array.isArray(v) && v.length === 0))
      .sort(([a], [b]) => (a < b ? -1 : 1)),
  );
}

export const changes = new Changes();

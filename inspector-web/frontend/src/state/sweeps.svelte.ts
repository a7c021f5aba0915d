import { api } from '../api/client';
import { Problem, isAbort } from '../api/problem';
import type { Sweep } from '../api/types';

export const underWay = (s: Sweep): boolean => s.state === 'running' || s.state === 'stopping';

/** The server's sweeps over corpora, the newest first; what the one under way tells of itself is followed. */
export class Sweeps {
  /** Null while the server has not answered. */
  list = $state.raw<Sweep[] | null>(null);
  problem = $state.raw<Problem | null>(null);

  /** Id of the one that runs: the server runs one at a time. */
  readonly running: string | null = $derived(this.list?.find(underWay)?.id ?? null);

  of(id: string | null): Sweep | null {
    return this.list?.find((s) => s.id === id) ?? null;
  }

  async look(signal?: AbortSignal): Promise<void> {
    try {
      this.list = await api.sweeps(signal);
    } catch (error) {
      if (!signal?.aborted) this.problem = Problem.of(error);
    }
  }

  /** Fetches the list, and hears of the sweep under way; call once, from a component. */
  follow(): void {
    $effect(() => {
      const controller = new AbortController();
      void this.look(controller.signal);
      return () => controller.abort();
    });
    $effect(() => {
      const id = this.running;
      if (!id) return;
      const controller = new AbortController();
      void this.#watch(id, controller.signal);
      return () => controller.abort();
    });
  }

  async #watch(id: string, signal: AbortSignal): Promise<void> {
    try {
      for await (const { event, data } of api.watchSweep(id, signal)) {
        if (event === 'error') throw new Problem(data);
        const now = this.of(id);
        if (event === 'done') this.#put(data);
        else if (now) this.#put({ ...now, progress: data, parts: data.shards, of: data.of });
      }
    } catch (error) {
      if (!signal.aborted && !isAbort(error)) this.problem = Problem.of(error);
    }
    if (!signal.aborted) await this.look(signal);
  }

  #put(sweep: Sweep): void {
    const known = this.of(sweep.id) !== null;
    const list = this.list ?? [];
    this.list = known ? list.map((s) => (s.id === sweep.id ? sweep : s)) : [sweep, ...list];
  }

  /** Begins, stops or resumes a sweep; null where the server refuses (`problem`). */
  async act(what: () => Promise<Sweep>): Promise<Sweep | null> {
    this.problem = null;
    try {
      const sweep = await what();
      this.#put(sweep);
      return sweep;
    } catch (error) {
      this.problem = Problem.of(error);
      return null;
    }
  }

  /** Deletes a sweep and what it kept. */
  async remove(id: string): Promise<boolean> {
    this.problem = null;
    try {
      await api.deleteSweep(id);
      this.list = this.list?.filter((s) => s.id !== id) ?? null;
      return true;
    } catch (error) {
      this.problem = Problem.of(error);
      return false;
    }
  }
}

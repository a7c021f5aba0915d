import { untrack } from 'svelte';
import type { Analysis, AnalysisRequest } from '../paired';
import { Problem, isAbort } from '../../../api/problem';
import { found } from '../lab.svelte';
import { progressWords } from '../words';

/** A second analysis beside a figure's own, found among the kept ones or made; its request may change at any time. */
export class Side {
  answer = $state.raw<Analysis | null>(null);
  problem = $state.raw<Problem | null>(null);
  /** What is under way, in words. */
  what = $state<string | null>(null);
  stopped = $state(false);
  since = $state(0);
  #key = '';
  #controller: AbortController | null = null;

  /** @param asked what to ask, or null for nothing; read as a signal */
  constructor(asked: () => AnalysisRequest | null) {
    $effect(() => {
      const request = asked();
      untrack(() => void this.#ask(request));
    });
    $effect(() => () => this.#controller?.abort());
  }

  stop(): void {
    this.stopped = true;
    this.#controller?.abort();
    this.what = null;
  }

  again(request: AnalysisRequest | null): void {
    this.#key = '';
    void this.#ask(request);
  }

  async #ask(request: AnalysisRequest | null): Promise<void> {
    const key = JSON.stringify(request);
    if (key === this.#key) return;
    this.#key = key;
    this.#controller?.abort();
    this.answer = this.problem = this.what = null;
    this.stopped = false;
    if (!request) return;
    const controller = (this.#controller = new AbortController());
    const mine = () => this.#controller === controller && !controller.signal.aborted;
    this.what = 'Asking the server';
    this.since = performance.now();
    try {
      const answer = await found(request, controller.signal, (progress) => {
        if (mine()) this.what = progressWords(progress);
      });
      if (mine()) this.answer = answer;
    } catch (error) {
      if (mine() && !isAbort(error)) this.problem = Problem.of(error);
    } finally {
      if (this.#controller === controller) this.what = null;
    }
  }
}

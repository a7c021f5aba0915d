import { untrack } from 'svelte';
import { api } from '../../api/client';
import { isAbort, Problem } from '../../api/problem';
import type { Benchmark, BenchmarkPoint, EngineInfo, RunManifest } from '../../api/types';
import { benchmarkOf } from './asks';

/** Benchmarks that were measured while this page is open, by run: they are not measured twice. */
const known = new Map<string, Benchmark>();

/** Bench is one run's model being timed at several lengths: point after point, until it is done or stopped. */
export class Bench {
  /** The run that it is about. */
  of = $state<string | null>(null);
  points = $state.raw<BenchmarkPoint[]>([]);
  /** What ran it, once it is done. */
  engine = $state.raw<EngineInfo | null>(null);
  busy = $state(false);
  ahead = $state(0);
  problem = $state.raw<Problem | null>(null);
  #controller: AbortController | null = null;

  /** What is known of this run; nothing is started. */
  show(run: string): void {
    this.stop();
    this.of = run;
    this.points = known.get(run)?.points ?? [];
    this.engine = known.get(run)?.engine ?? null;
    this.problem = null;
  }

  stop(): void {
    this.#controller?.abort();
    this.#controller = null;
    this.busy = false;
  }

  async start(m: RunManifest): Promise<void> {
    untrack(() => this.stop());
    const controller = new AbortController();
    this.#controller = controller;
    this.busy = true;
    this.of = m.id;
    this.points = [];
    this.engine = null;
    this.problem = null;
    const { body } = benchmarkOf(m);
    try {
      for await (const e of api.benchmark(body, controller.signal)) {
        if (controller.signal.aborted) return;
        if (e.event === 'queued') this.ahead = e.data.ahead;
        else if (e.event === 'measured') this.points = [...this.points, e.data.point];
        else if (e.event === 'error') throw new Problem(e.data);
        else if (e.event === 'done') {
          known.set(m.id, e.data);
          this.engine = e.data.engine;
        }
      }
    } catch (error) {
      if (!isAbort(error) && !controller.signal.aborted) this.problem = Problem.of(error);
    } finally {
      if (this.#controller === controller) {
        this.#controller = null;
        this.busy = false;
      }
    }
  }
}

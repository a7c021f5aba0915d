import { api } from '../api/client';
import { Problem } from '../api/problem';
import type { Curve, TrainingJob } from '../api/types';
import { models } from './models.svelte';

const LOOK_MS = 1000;

export const underWay = (j: TrainingJob): boolean => ['starting', 'running', 'stopping'].includes(j.state);

/** The server's training jobs, and the loss curve of the one that is watched. */
export class Jobs {
  list = $state.raw<TrainingJob[]>([]);
  /** The job whose curve is on show. */
  watched = $state<string | null>(null);
  curve = $state.raw<Curve | null>(null);
  problem = $state.raw<Problem | null>(null);

  readonly busy: boolean = $derived(this.list.some(underWay));
  readonly now: TrainingJob | null = $derived(this.list.find((j) => j.id === this.watched) ?? null);

  async look(signal?: AbortSignal): Promise<void> {
    try {
      this.list = await api.jobs(signal);
      this.watched ??= this.list.find(underWay)?.id ?? null;
      if (this.watched) this.curve = await api.jobCurve(this.watched, signal);
    } catch (error) {
      if (!signal?.aborted) this.problem = Problem.of(error);
    }
  }

  /** Fetches the jobs, and polls while one of them trains; call once, from a component. */
  follow(): void {
    $effect(() => {
      const controller = new AbortController();
      void this.look(controller.signal);
      const timer = setInterval(() => {
        if (this.busy) void this.look(controller.signal).then(() => this.#ended());
      }, LOOK_MS);
      return () => {
        controller.abort();
        clearInterval(timer);
      };
    });
  }

  /** What was trained is a model that can be chosen. */
  #ended(): void {
    if (!this.busy) void models.load();
  }

  /** Begins, stops or resumes a job, and watches it. */
  async act(what: () => Promise<TrainingJob>): Promise<void> {
    this.problem = null;
    try {
      const { id } = await what();
      if (this.watched !== id) this.curve = null;
      this.watched = id;
      await this.look();
    } catch (error) {
      this.problem = Problem.of(error);
    }
  }

  /** Deletes what a job made. */
  async remove(id: string): Promise<void> {
    this.problem = null;
    try {
      await api.deleteJob(id);
      if (this.watched === id) this.watched = this.curve = null;
      await this.look();
      await models.load();
    } catch (error) {
      this.problem = Problem.of(error);
    }
  }
}

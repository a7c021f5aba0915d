/** A copy of the model that may change: updates against one mistake, and their undoing. */
import { api } from '../../api/client';
import { Problem } from '../../api/problem';
import type { LearnerStepAnswer, RunManifest } from '../../api/types';

/** What an update is made against, and what is watched meanwhile. */
export interface Lesson {
  run: RunManifest;
  target: number;
  /** Tokens whose odds are watched, the target among them. */
  rivals: number[];
  /** A text that has nothing to do with it; null where there is no tokenizer. */
  other: string | null;
  rate: number;
}

export interface Done {
  of: string;
  rivals: number[];
  rate: number;
  answer: LearnerStepAnswer;
}

export const keyOf = (run: RunManifest, target: number): string => `${run.id} ${target}`;

export class Copy {
  busy = $state<string | null>(null);
  done = $state.raw<Done[]>([]);
  undone = $state(false);
  problem = $state.raw<Problem | null>(null);
  #learner: { id: string; model: string } | null = null;

  /** The last update, where it was made against this mistake. */
  readonly last = (key: string): Done | null => {
    const last = this.done.at(-1);
    return last?.of === key ? last : null;
  };

  async #attempt(what: string, act: () => Promise<void>): Promise<void> {
    this.busy = what;
    this.problem = null;
    this.undone = false;
    try {
      await act();
    } catch (error) {
      this.problem = Problem.of(error);
    } finally {
      this.busy = null;
    }
  }

  readonly apply = ({ run, target, rivals, other, rate }: Lesson): Promise<void> =>
    this.#attempt(this.#learner ? 'Making one update' : 'Opening a copy of the model that may change', async () => {
      const model = run.model.slug;
      if (this.#learner && this.#learner.model !== model) this.close();
      this.#learner ??= { id: (await api.openLearner(model)).id, model };
      this.busy = 'Making one update';
      const prompt = run.tokens.slice(0, run.prompt_length).map((t) => t.id);
      const answer = await api.learn(this.#learner.id, {
        tokens: [...prompt, target],
        from: -1,
        optimizer: 'sgd',
        learning_rate: rate,
        watch: [
          ...rivals.map((id) => ({ tokens: [...prompt, id], from: prompt.length })),
          ...(other === null ? [] : [{ prompt: other }]),
        ],
      });
      this.done = [...this.done, { of: keyOf(run, target), rivals, rate, answer }];
    });

  readonly undo = (): Promise<void> =>
    this.#attempt('Taking the update back', async () => {
      if (!this.#learner) return;
      await api.unlearn(this.#learner.id);
      this.done = this.done.slice(0, -1);
      this.undone = true;
    });

  readonly close = (): void => {
    if (this.#learner) void api.closeLearner(this.#learner.id).catch(() => undefined);
    this.#learner = null;
    this.done = [];
  };
}

import { Problem, isAbort } from '../../api/problem';

/** A fetched value with its state; a failed request can be retried. */
export interface Resource<V> {
  /** What was asked for: null until it is there, and as soon as something else is asked for. Kept while nothing is. */
  readonly value: V | null;
  /** What the last answered request gave, whichever that was: only for what is marked as {@link stale}. */
  readonly last: V | null;
  /** Whether {@link last} answers an earlier request. */
  readonly stale: boolean;
  readonly pending: boolean;
  readonly problem: Problem | null;
}

/** Whether a run of the same request takes the place of the one on show: values of the first stay until the second's are here. */
class Succession {
  on = $state(false);
}
export const succession = new Succession();

type Fetcher<V> = (signal: AbortSignal) => Promise<V>;

/**
 * A resource that is fetched again whenever a signal that {@code ask} reads changes; the earlier request is cancelled,
 * and its value is no longer the resource's from the moment the signal changes.
 *
 * @param ask gives the request to make, or null when there is nothing to fetch (not seen yet, no run)
 */
export function resource<V>(ask: () => Fetcher<V> | null): Resource<V> {
  const asked = $derived(ask());
  let answer = $state.raw<{ to: Fetcher<V>; value: V } | null>(null);
  let failure = $state.raw<{ of: Fetcher<V>; problem: Problem } | null>(null);
  const current = $derived(answer !== null && (asked === null || answer.to === asked || succession.on));
  const problem = $derived(failure !== null && failure.of === asked ? failure.problem : null);
  let tries = $state(0);
  const retry = () => {
    failure = null;
    tries++;
  };

  $effect(() => {
    void tries;
    const fetcher = asked;
    if (!fetcher) return;
    const controller = new AbortController();
    fetcher(controller.signal)
      .then((value) => {
        if (!controller.signal.aborted) answer = { to: fetcher, value };
      })
      .catch((error: unknown) => {
        if (controller.signal.aborted || isAbort(error)) return;
        const found = Problem.of(error);
        found.retry = retry;
        failure = { of: fetcher, problem: found };
      });
    return () => controller.abort();
  });

  return {
    get value() {
      return answer !== null && current ? answer.value : null;
    },
    get last() {
      return answer?.value ?? null;
    },
    get stale() {
      return answer !== null && !current;
    },
    get pending() {
      return asked !== null && !current && problem === null;
    },
    get problem() {
      return problem;
    },
  };
}

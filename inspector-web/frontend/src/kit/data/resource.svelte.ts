import { Problem, isAbort } from '../../api/problem';

/** A fetched value with its state: the last value stays while the next one loads, and a failed request can be retried. */
export interface Resource<V> {
  readonly value: V | null;
  readonly pending: boolean;
  readonly problem: Problem | null;
}

/**
 * A resource that is fetched again whenever a signal that {@code ask} reads changes; the earlier request is cancelled.
 *
 * @param ask gives the request to make, or null when there is nothing to fetch (not seen yet, no run)
 */
export function resource<V>(ask: () => ((signal: AbortSignal) => Promise<V>) | null): Resource<V> {
  let value = $state.raw<V | null>(null);
  let pending = $state(false);
  let problem = $state.raw<Problem | null>(null);
  let tries = $state(0);
  const retry = () => {
    problem = null;
    tries++;
  };

  $effect(() => {
    void tries;
    const fetcher = ask();
    if (!fetcher) return;
    const controller = new AbortController();
    pending = true;
    fetcher(controller.signal)
      .then((v) => {
        if (controller.signal.aborted) return;
        value = v;
        problem = null;
        pending = false;
      })
      .catch((error: unknown) => {
        if (controller.signal.aborted || isAbort(error)) return;
        problem = Problem.of(error);
        problem.retry = retry;
        pending = false;
      });
    return () => controller.abort();
  });

  return {
    get value() {
      return value;
    },
    get pending() {
      return pending;
    },
    get problem() {
      return problem;
    },
  };
}

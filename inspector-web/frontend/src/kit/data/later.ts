const waiting: (() => void)[] = [];

function next(): void {
  waiting.shift()?.();
  if (waiting.length > 0) setTimeout(next, 0);
}

/**
 * Draws a part of a view in a task of its own, after those that asked before: the browser paints and answers in between.
 *
 * @return what takes it back
 */
export function later(draw: () => void): () => void {
  waiting.push(draw);
  if (waiting.length === 1) setTimeout(next, 0);
  return () => {
    const i = waiting.indexOf(draw);
    if (i >= 0) waiting[i] = () => undefined;
  };
}

/** Waits until what was drawn before can be seen: requests are made after it, those that are out of date by then not at all. */
export function drawnBefore(signal: AbortSignal): Promise<void> {
  return new Promise((done, fail) => later(() => (signal.aborted ? fail(signal.reason as Error) : done())));
}

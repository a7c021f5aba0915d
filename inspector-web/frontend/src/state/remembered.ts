import type { Ask, Source } from '../api/source';

/** A source that remembers what was asked of it. */
export interface Remembered extends Source {
  /**
   * Asks another source the same, so that it has the answers when it takes this one's place: what is drawn then
   * changes within one frame, and nothing moves.
   */
  askAgain(of: Source, signal: AbortSignal): Promise<void>;
}

const QUESTIONS = [
  'need',
  'needNeurons',
  'capture',
  'patterns',
  'pattern',
  'lens',
  'norms',
  'reads',
  'feedForward',
  'neuron',
  'ask',
  'spec',
] as const;

const CAPTURE = /^\/runs\/[^/]+\/captures\/([^/?]+)(?:\?(.*))?$/;
const RUN_ID = /\b\d{8}-\d{6}-\d{3}-[0-9a-f]{6}\b/g;

export function remembered(source: Source): Remembered {
  const questions = new Map<string, (of: Source, signal: AbortSignal) => Promise<unknown>>();
  const watched = Object.fromEntries(
    QUESTIONS.map((name) => [
      name,
      (...args: unknown[]) => {
        const call = () => (source[name] as (...args: unknown[]) => unknown)(...args);
        while (args.length > 0 && args.at(-1) === undefined) args.pop();
        const said = JSON.stringify(args.filter((a) => !(a instanceof AbortSignal)));
        // An answer of this source named that run: the other source names another.
        if (said.match(RUN_ID)?.some((id) => id !== source.manifest.id)) return call();
        questions.set(name + said, (of, signal) => {
          // A question may name the run that it is about.
          const again = JSON.parse(said.replaceAll(source.manifest.id, of.manifest.id)) as unknown[];
          args.forEach((a, i) => a instanceof AbortSignal && again.splice(i, 0, signal));
          // A value that was asked for as an answer: a live run may have to read it first.
          const value = name === 'ask' && CAPTURE.exec((again[0] as Ask).path);
          if (value)
            return of.capture(
              decodeURIComponent(value[1]),
              Object.fromEntries(new URLSearchParams(value[2] ?? '')),
              signal,
            );
          return (of[name] as (...args: unknown[]) => Promise<unknown>)(...again);
        });
        return call();
      },
    ]),
  );
  return {
    ...source,
    ...(watched as Pick<Source, (typeof QUESTIONS)[number]>),
    async askAgain(of, signal) {
      const asked = new Set<string>();
      // A reader may ask more meanwhile. What is refused here is refused again where it is drawn.
      while (!signal.aborted && asked.size < questions.size) {
        const more = [...questions].filter(([key]) => !asked.has(key));
        more.forEach(([key]) => asked.add(key));
        await Promise.allSettled(more.map(([, ask]) => ask(of, signal)));
      }
    },
  };
}

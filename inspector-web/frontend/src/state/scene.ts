import type { Ask } from '../api/source';
import type { FeedForward, RunManifest } from '../api/types';

export type { Ask } from '../api/source';

/** What a view needs of a run: the hooks to capture, example prompts, and a recording to show before the first run. */
export interface Scene {
  /**
   * Hooks that a run made here captures: names as `GET /models/{slug}/hooks` has them, `*` for every layer,
   * `{layer}` for the chosen one. Others are recaptured when a figure asks for them.
   */
  hooks: string[];
  /** Those of them that a recording holds whole; all when left out. */
  recorded?: string[];
  /** The recording also holds every layer's feed-forward part at the last prompt token, and its strongest neuron everywhere. */
  neurons?: boolean;
  /** What is asked of the server about such a run beside its captures; a recording holds the answers. What is asked may depend on an answer, and on the layers' feed-forward parts where `neurons` keeps those. */
  asks?: (
    run: RunManifest,
    answer: <A>(ask: Ask<object | null, A>) => Promise<A>,
    parts: FeedForward[],
  ) => Promise<Ask[]>;
  /** Prompts to try, the first of them in the bar until something else is typed. */
  examples: Example[];
  /** A real run of the embedded model with the first example; made by `npm run record`. */
  recording?: Recording;
}

/** New tokens of a recording, and of the run that takes its place. */
export const RECORDED_TOKENS = 10;

export interface Example {
  prompt: string;
  /** What it shows, in a few words. */
  says: string;
}

/** Addresses of a recording: what is known of its run, and its tensors in as many files as are drawn apart. */
export interface Recording {
  run: string;
  tensors: { [file: string]: string };
}

/**
 * A recording as its files' addresses, or nothing while there is none:
 * `recordingOf(import.meta.glob('./recording/*', { eager: true, query: '?url', import: 'default' }))`.
 */
export function recordingOf(files: { [path: string]: string }): Recording | undefined {
  const named = Object.entries(files).map(([path, url]) => [path.split('/').at(-1) ?? path, url] as const);
  const run = named.find(([name]) => name === 'run.json')?.[1];
  return run === undefined ? undefined : { run, tensors: Object.fromEntries(named) };
}

import { Problem, isAbort } from '../api/problem';
import type { RunEvent } from '../api/events';
import type { KvCache, RunManifest, RunRequest, RunSummary } from '../api/types';
import { lastTime, remember } from '../kit/data/lasttime';
import { plural } from '../kit/text/format';

/** What it asks of the server. */
export interface Server {
  runs(limit: number, before?: string, signal?: AbortSignal): Promise<{ runs: RunSummary[] }>;
  run(id: string, signal?: AbortSignal): Promise<RunManifest>;
  stream(request: RunRequest, signal: AbortSignal): AsyncIterable<RunEvent>;
  cancelRun(id: string): Promise<unknown>;
}

/** A run that was made, with its cache as it was after each token; null where an earlier run was opened again. */
export interface Made {
  manifest: RunManifest;
  kvSteps: KvCache[] | null;
}

/** How many of the server's runs are looked through for the same request, and how many of them closely. */
const LOOKED = 100;
const CLOSELY = 6;
const BUSY = 429;
/** Seconds after which a busy server is asked again, where it names none. */
const AGAIN = 5;

/**
 * BackgroundRun is the run that a view shows without anyone having pressed Run. A run that the server keeps of the same
 * request is opened again, so that the list of runs does not fill; else it is made, in the queue like every other. One
 * at a time: a run that a reader asks for cancels it.
 */
export class BackgroundRun {
  /** What happens, in words; null when nothing does. */
  what = $state<string | null>(null);
  since = $state(0);
  lastTook = $state<number | null>(null);
  /** Why there is none. */
  problem = $state.raw<Problem | null>(null);
  readonly #server: Server;
  /** The server's, by their requests. */
  readonly #made = new Map<string, Made>();
  #controller: AbortController | null = null;
  /** Id of the run in the queue. */
  #queued: string | null = null;

  constructor(server: Server) {
    this.#server = server;
  }

  /** The run of this request, if it was made or found here before. */
  known(request: RunRequest): Made | undefined {
    return this.#made.get(keyOf(request));
  }

  /** Finds or makes the run; null when it was cancelled or when there is none (`problem`). */
  async make(request: RunRequest): Promise<Made | null> {
    await this.cancel();
    const known = this.known(request);
    if (known) return known;
    const controller = (this.#controller = new AbortController());
    const { signal } = controller;
    const key = `run:${request.model}:${request.precision}`;
    this.problem = null;
    this.since = performance.now();
    this.lastTook = lastTime(key);
    this.what = `Asking for a run of ${request.model}`;
    try {
      const found = await this.#found(request, signal);
      const made = found ?? (await this.#streamed(request, signal));
      if (!found) remember(key, performance.now() - this.since);
      this.#made.set(keyOf(request), made);
      return made;
    } catch (error) {
      if (!signal.aborted && !isAbort(error)) this.problem = Problem.of(error);
      return null;
    } finally {
      if (this.#controller === controller) {
        this.#controller = this.#queued = null;
        this.what = null;
      }
    }
  }

  /** Lets go of the engine: the run that is under way is cancelled before this returns. */
  async cancel(): Promise<void> {
    const id = this.#queued;
    this.#controller?.abort();
    this.#controller = this.#queued = null;
    this.what = null;
    // Closing the connection cancels it too, but later.
    if (id !== null) await this.#server.cancelRun(id).catch(() => undefined);
  }

  /** The newest run of the server's that was made for the same request, whatever it captured. */
  async #found(request: RunRequest, signal: AbortSignal): Promise<Made | null> {
    const { runs } = await this.#server.runs(LOOKED, undefined, signal);
    const begins = request.prompt?.slice(0, 40);
    const alike = runs.filter(
      (r) =>
        r.model === request.model &&
        r.engine === request.engine &&
        r.precision === request.precision &&
        r.branch_of === undefined &&
        (begins === undefined || r.text.startsWith(begins)),
    );
    for (const { id } of alike.slice(0, CLOSELY)) {
      // It may have been deleted meanwhile.
      const manifest = await this.#server.run(id, signal).catch(() => null);
      if (manifest && keyOf(manifest.request) === keyOf(request)) return { manifest, kvSteps: null };
    }
    return null;
  }

  async #streamed(request: RunRequest, signal: AbortSignal): Promise<Made> {
    for (;;) {
      try {
        return await this.#once(request, signal);
      } catch (error) {
        const problem = Problem.of(error);
        if (signal.aborted || problem.status !== BUSY) throw error;
        const seconds = problem.retryAfter ?? AGAIN;
        this.what = `Too many runs are waiting: asking again every ${seconds} s`;
        await pause(seconds * 1000, signal);
      }
    }
  }

  async #once(request: RunRequest, signal: AbortSignal): Promise<Made> {
    const kvSteps: KvCache[] = [];
    for await (const message of this.#server.stream(request, signal)) {
      signal.throwIfAborted();
      switch (message.event) {
        case 'queued': {
          const { id, ahead } = message.data;
          this.#queued = id;
          this.what = ahead > 0 ? `Waiting behind ${plural(ahead, 'run')}` : `Opening ${request.model}`;
          break;
        }
        case 'opening':
          this.what = `Opening ${request.model}, ${Math.floor((100 * message.data.done) / message.data.of)} % read`;
          break;
        case 'started':
          this.what = `Running ${request.model}`;
          break;
        case 'prefilled':
          kvSteps.push(message.data.kv_cache);
          break;
        case 'token':
          kvSteps.push(message.data.kv_cache);
          break;
        case 'done':
          return { manifest: message.data, kvSteps };
        case 'error':
          throw new Problem(message.data);
      }
    }
    throw new Problem({ title: 'the run ended without saying how', status: 0, instead: 'press Run' });
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener('abort', () => {
      clearTimeout(timer);
      reject(signal.reason as Error);
    });
  });
}

/** Equal for requests whose numbers are equal: what a run captures does not change them; a stored request has its defaults. */
export function keyOf({ device = 'auto', add_special_tokens = true, interventions = [], ...r }: RunRequest): string {
  const text = r.prompt === undefined ? null : { prompt: r.prompt, add_special_tokens };
  const how = [r.model, r.engine, device, r.precision, r.precision_plan, r.kv_cache, r.generate, r.branch];
  return JSON.stringify([...how, text, r.tokens, r.messages, interventions], (_, value: unknown) =>
    value !== null && typeof value === 'object' && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
      : value,
  );
}

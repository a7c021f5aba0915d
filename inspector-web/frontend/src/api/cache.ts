/** A cache of the most recently used values, up to a limit in bytes. */
export class ByteCache<V> {
  #entries = new Map<string, { value: V; bytes: number }>();
  #bytes = 0;

  constructor(readonly maxBytes: number) {}

  get bytes(): number {
    return this.#bytes;
  }

  get(key: string): V | undefined {
    const entry = this.#entries.get(key);
    if (!entry) return undefined;
    this.#entries.delete(key); // a Map keeps insertion order: re-insert to make it the youngest
    this.#entries.set(key, entry);
    return entry.value;
  }

  set(key: string, value: V, bytes: number): void {
    this.delete(key);
    this.#entries.set(key, { value, bytes });
    this.#bytes += bytes;
    for (const oldest of this.#entries.keys()) {
      if (this.#bytes <= this.maxBytes || oldest === key) break;
      this.delete(oldest);
    }
  }

  delete(key: string): void {
    const entry = this.#entries.get(key);
    if (!entry) return;
    this.#bytes -= entry.bytes;
    this.#entries.delete(key);
  }
}

/** SharedRequests are the requests that are under way, by their keys: who asks for the same meanwhile gets the same answer. */
export class SharedRequests {
  #requests = new Map<string, { answer: Promise<unknown>; controller: AbortController; askers: number }>();

  /**
   * The request is aborted once every asker's signal is.
   *
   * @param send makes the request, if none of this key is under way
   */
  async ask<V>(key: string, signal: AbortSignal | undefined, send: (signal: AbortSignal) => Promise<V>): Promise<V> {
    signal?.throwIfAborted();
    let request = this.#requests.get(key);
    if (!request) {
      const controller = new AbortController();
      const answer = send(controller.signal).finally(() => this.#forget(key, controller));
      request = { answer, controller, askers: 0 };
      this.#requests.set(key, request);
    }
    const { answer, controller } = request;
    request.askers++;
    let abort = () => {};
    const aborted = new Promise<never>((_, reject) => {
      abort = () => reject(signal?.reason);
      signal?.addEventListener('abort', abort);
    });
    try {
      return (await Promise.race([answer, aborted])) as V;
    } finally {
      signal?.removeEventListener('abort', abort);
      request.askers--;
      if (request.askers === 0) {
        this.#forget(key, controller);
        controller.abort();
        answer.catch(() => undefined);
      }
    }
  }

  #forget(key: string, controller: AbortController): void {
    if (this.#requests.get(key)?.controller === controller) this.#requests.delete(key);
  }
}

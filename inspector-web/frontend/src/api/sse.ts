/** ServerSentEvent is one event of a text/event-stream body. */
export interface ServerSentEvent {
  event: string;
  data: string;
}

/** Feeds on chunks of text and gives whole events; a chunk may end anywhere, even between \r and \n. */
export class SseParser {
  #rest = '';
  #event = '';
  #data: string[] = [];

  push(chunk: string): ServerSentEvent[] {
    const text = this.#rest + chunk;
    const events: ServerSentEvent[] = [];
    let from = 0;
    for (;;) {
      const end = lineEnd(text, from);
      if (end === null) break;
      const event = this.#line(text.slice(from, end.at));
      if (event) events.push(event);
      from = end.next;
    }
    this.#rest = text.slice(from);
    return events;
  }

  #line(line: string): ServerSentEvent | null {
    if (line === '') {
      const event = this.#data.length > 0 ? { event: this.#event || 'message', data: this.#data.join('\n') } : null;
      this.#event = '';
      this.#data = [];
      return event;
    }
    if (line.startsWith(':')) return null; // a comment, the server's heartbeat
    const colon = line.indexOf(':');
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? '' : line.slice(line[colon + 1] === ' ' ? colon + 2 : colon + 1);
    if (field === 'event') this.#event = value;
    if (field === 'data') this.#data.push(value);
    return null;
  }
}

/** Where the line that starts at {@code from} ends, or null when its end has not come yet. */
function lineEnd(text: string, from: number): { at: number; next: number } | null {
  for (let i = from; i < text.length; i++) {
    if (text[i] === '\n') return { at: i, next: i + 1 };
    if (text[i] === '\r') {
      if (i + 1 === text.length) return null; // a \n may follow in the next chunk
      return { at: i, next: text[i + 1] === '\n' ? i + 2 : i + 1 };
    }
  }
  return null;
}

/** Reads a response body as events, as they come. When the consumer stops, or fails, the connection is closed. */
export async function* readEvents(body: ReadableStream<Uint8Array>): AsyncGenerator<ServerSentEvent> {
  const parser = new SseParser();
  const decoder = new TextDecoder();
  const reader = body.getReader();
  let ended = false;
  try {
    for (;;) {
      const { done, value } = await reader.read();
      ended = done;
      yield* parser.push(done ? decoder.decode() + '\n' : decoder.decode(value, { stream: true }));
      if (done) return;
    }
  } finally {
    // Cancelling a body that failed fails again, with what was thrown already.
    if (!ended) await reader.cancel().catch(() => undefined);
    reader.releaseLock();
  }
}

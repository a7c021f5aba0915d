import { describe, expect, it } from 'vitest';
import { readEvents, SseParser } from '../src/api/sse';

const STREAM =
  'event: queued\ndata: {"ahead":0}\n\n: heartbeat\n\nevent: token\r\ndata: {"text":"é\\n"}\r\n\r\ndata: a\ndata: b\n\n';
const EVENTS = [
  { event: 'queued', data: '{"ahead":0}' },
  { event: 'token', data: '{"text":"é\\n"}' },
  { event: 'message', data: 'a\nb' },
];

describe('server-sent events', () => {
  it('are the same wherever the chunks end', () => {
    for (let size = 1; size <= STREAM.length; size++) {
      const parser = new SseParser();
      const events = [];
      for (let i = 0; i < STREAM.length; i += size) events.push(...parser.push(STREAM.slice(i, i + size)));
      expect(events).toEqual(EVENTS);
    }
  });

  it('come out of a byte stream, even when it is cut inside a character', async () => {
    const bytes = new TextEncoder().encode(STREAM);
    for (const size of [1, 3, 7, bytes.length]) {
      const body = new ReadableStream<Uint8Array>({
        start(controller) {
          for (let i = 0; i < bytes.length; i += size) controller.enqueue(bytes.slice(i, i + size));
          controller.close();
        },
      });
      const events = [];
      for await (const event of readEvents(body)) events.push(event);
      expect(events).toEqual(EVENTS);
    }
  });

  it('end with the last one even when the final blank line is missing', async () => {
    const body = new Blob(['event: done\ndata: {}\n']).stream();
    const events = [];
    for await (const event of readEvents(body)) events.push(event);
    expect(events).toEqual([{ event: 'done', data: '{}' }]);
  });

  it('close the connection when the consumer stops or fails, and not when they have ended', async () => {
    let cancelled = 0;
    const endless = () =>
      new ReadableStream<Uint8Array>({
        pull: (controller) => controller.enqueue(new TextEncoder().encode('data: 1\n\n')),
        cancel: () => void cancelled++,
      });
    for await (const event of readEvents(endless())) {
      expect(event.data).toBe('1');
      break;
    }
    expect(cancelled).toBe(1);
    const body = endless();
    await expect(async () => {
      for await (const event of readEvents(body)) throw new Error(event.data);
    }).rejects.toThrow('1');
    expect(cancelled).toBe(2);
    expect(body.locked).toBe(false);
    for await (const event of readEvents(new Blob(['data: 1\n\n']).stream())) expect(event.data).toBe('1');
    const broken = new ReadableStream<Uint8Array>({ pull: (controller) => controller.error(new Error('gone')) });
    await expect(readEvents(broken).next()).rejects.toThrow('gone');
  });
});

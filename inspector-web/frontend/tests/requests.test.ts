import { afterEach, describe, expect, it, vi } from 'vitest';
import { SharedRequests } from '../src/api/cache';
import { api } from '../src/api/client';
import { models } from '../src/state/models.svelte';

/** A server that answers when it is told to. */
function server(): { asked: string[]; signals: AbortSignal[]; answer: (status: number, body: unknown) => void } {
  const asked: string[] = [];
  const signals: AbortSignal[] = [];
  const waiting: ((r: Response) => void)[] = [];
  vi.stubGlobal('fetch', (path: string, init: RequestInit = {}) => {
    asked.push(path);
    if (init.signal) signals.push(init.signal);
    return new Promise<Response>((resolve, reject) => {
      waiting.push(resolve);
      init.signal?.addEventListener('abort', () => reject(init.signal?.reason));
    });
  });
  const answer = (status: number, body: unknown) =>
    waiting.splice(0).forEach((resolve) => resolve(new Response(JSON.stringify(body), { status })));
  return { asked, signals, answer };
}

afterEach(() => vi.unstubAllGlobals());

describe('two who ask the same', () => {
  it('ask once', async () => {
    const { asked, answer } = server();
    const both = [api.lens('once'), api.lens('once')];
    const other = api.lens('other');
    expect(asked).toHaveLength(2);
    answer(200, { rows: [] });
    expect(await both[0]).toEqual({ rows: [] });
    expect(await both[1]).toBe(await both[0]);
    await other;
    expect(await api.lens('once')).toBe(await both[0]);
    expect(asked).toHaveLength(2);
  });

  it('go on when one of them leaves, and end when both have', async () => {
    const { asked, signals, answer } = server();
    const [a, b] = [new AbortController(), new AbortController()];
    const left = api.lens('left', undefined, a.signal);
    const stays = api.lens('left', undefined, b.signal);
    a.abort();
    await expect(left).rejects.toThrow();
    expect(signals[0].aborted).toBe(false);
    answer(200, { rows: [1] });
    expect(await stays).toEqual({ rows: [1] });
    const last = api.lens('both leave', undefined, b.signal);
    b.abort();
    await expect(last).rejects.toThrow();
    expect(signals[1].aborted).toBe(true);
    const again = api.lens('both leave');
    expect(asked).toHaveLength(3);
    answer(200, { rows: [2] });
    expect(await again).toEqual({ rows: [2] });
  });

  it('are told of a failure both, and it is not kept', async () => {
    const requests = new SharedRequests();
    let sent = 0;
    const send = () => Promise.reject<number>(new Error(`refused ${++sent}`));
    const both = await Promise.allSettled([requests.ask('k', undefined, send), requests.ask('k', undefined, send)]);
    expect(both.map((r) => r.status)).toEqual(['rejected', 'rejected']);
    expect(sent).toBe(1);
    await expect(requests.ask('k', undefined, () => Promise.resolve(7))).resolves.toBe(7);
  });
});

describe('a model that could not be described', () => {
  const NAMED = 'kept@100';

  async function loaded(status: number): Promise<void> {
    const { answer } = server();
    const loading = models.load();
    answer(200, { models: [], default: NAMED, engines: [] });
    await loading;
    // What could not be described before is asked for again.
    const described = models.describe(NAMED);
    answer(status, { title: 'no', summary: {}, spec: {} });
    await described;
  }

  it('is missing only where the server says so, and not for ever', async () => {
    await loaded(503);
    expect(models.slug).toBe(NAMED);
    expect(models.known).toBe(true);
    expect(models.missing).toBe(false);
    await loaded(404);
    expect(models.missing).toBe(true);
    await loaded(200);
    expect(models.missing).toBe(false);
    expect(models.details).not.toBeNull();
  });
});

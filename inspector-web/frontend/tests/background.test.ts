import { describe, expect, it, vi } from 'vitest';
import type { RunEvent } from '../src/api/events';
import { Problem } from '../src/api/problem';
import type { Source } from '../src/api/source';
import type { RunManifest, RunRequest, RunSummary } from '../src/api/types';
import { BackgroundRun, keyOf, type Server } from '../src/state/background.svelte';
import { remembered } from '../src/state/remembered';
import { unasked } from '../src/state/unasked';

const REQUEST: RunRequest = {
  model: 'tales',
  engine: 'torch',
  precision: 'fp32',
  prompt: 'Once upon a time',
  capture: ['logits'],
  generate: { max_new_tokens: 10, alternatives: 10, greedy: true },
};

/** As a server keeps it: with its defaults, and whatever it captured. */
const stored = (id: string, change: Partial<RunRequest> = {}): RunManifest =>
  ({
    id,
    request: {
      ...REQUEST,
      device: 'auto',
      add_special_tokens: true,
      interventions: [],
      generate: { max_new_tokens: 10, greedy: true, alternatives: 10 },
      capture: ['hook_embed'],
      ...change,
    },
  }) as RunManifest;

const summary = ({ id, request }: RunManifest, change: Partial<RunSummary> = {}): RunSummary =>
  ({ id, model: 'tales', engine: 'torch', precision: 'fp32', text: request.prompt ?? '', ...change }) as RunSummary;

/** A server that keeps these runs, and whose new run goes on when it is told to. */
function server(kept: RunManifest[] = [], busy = 0) {
  const asked: RunRequest[] = [];
  const cancelled: string[] = [];
  let tell: (event: RunEvent) => void = () => undefined;
  const own: Server = {
    runs: async () => ({ runs: kept.map((m) => summary(m)) }),
    run: async (id) => {
      const found = kept.find((m) => m.id === id);
      if (!found) throw new Problem({ title: 'gone', status: 404 });
      return found;
    },
    async *stream(request, signal) {
      asked.push(request);
      if (busy-- > 0) throw new Problem({ title: 'too many runs are waiting', status: 429 }, 2);
      yield { event: 'queued', data: { id: `new${asked.length}`, ahead: 1 } };
      for (;;) {
        const event = await new Promise<RunEvent>((resolve, reject) => {
          tell = resolve;
          signal.addEventListener('abort', () => reject(signal.reason as Error));
        });
        yield event;
      }
    },
    cancelRun: async (id) => cancelled.push(id),
  };
  const turn = () => new Promise((resolve) => setTimeout(resolve, 0));
  return { own, asked, cancelled, turn, tell: async (e: RunEvent) => (await turn(), tell(e), turn()) };
}
const done = (id: string): RunEvent => ({ event: 'done', data: stored(id) });

describe('a run that no one pressed Run for', () => {
  it('is made once, and says what it waits for', async () => {
    const { own, asked, tell, turn } = server();
    const background = new BackgroundRun(own);
    const made = background.make(REQUEST);
    await turn();
    expect(background.what).toBe('Waiting behind 1 run');
    await tell(done('a'));
    expect((await made)?.manifest.id).toBe('a');
    expect(background.what).toBeNull();
    expect((await background.make({ ...REQUEST, capture: [] }))?.manifest.id).toBe('a');
    expect(asked).toHaveLength(1);
  });

  it('is the one that the server keeps of the same request', async () => {
    const other = stored('other', { generate: { max_new_tokens: 5, greedy: true, alternatives: 10 } });
    const changed = stored('changed', { interventions: [{ hook: 'hook_embed', op: 'zero' }] });
    const { own, asked } = server([other, changed, stored('same')]);
    expect((await new BackgroundRun(own).make(REQUEST))?.manifest.id).toBe('same');
    expect(asked).toHaveLength(0);
  });

  it('is cancelled at the server before a reader’s run is asked for, and is not shown', async () => {
    const { own, cancelled, turn } = server();
    const background = new BackgroundRun(own);
    const made = background.make(REQUEST);
    await turn();
    await background.cancel();
    expect(cancelled).toEqual(['new1']);
    expect(await made).toBeNull();
    expect(background.what).toBeNull();
    expect(background.problem).toBeNull();
  });

  it('gives way to one of another model', async () => {
    const { own, asked, cancelled, tell, turn } = server();
    const background = new BackgroundRun(own);
    const first = background.make(REQUEST);
    await turn();
    const second = background.make({ ...REQUEST, model: 'other' });
    expect(await first).toBeNull();
    await turn();
    await tell(done('b'));
    expect((await second)?.manifest.id).toBe('b');
    expect(asked.map((r) => r.model)).toEqual(['tales', 'other']);
    expect(cancelled).toEqual(['new1']);
  });

  it('asks a busy server again when that says, and says so meanwhile', async () => {
    vi.useFakeTimers();
    try {
      const { own, asked } = server([], 1);
      const background = new BackgroundRun(own);
      void background.make(REQUEST);
      await vi.advanceTimersByTimeAsync(1000);
      expect(background.what).toBe('Too many runs are waiting: asking again every 2 s');
      expect(asked).toHaveLength(1);
      await vi.advanceTimersByTimeAsync(1500);
      expect(asked).toHaveLength(2);
      await background.cancel();
      await vi.advanceTimersByTimeAsync(60_000);
      expect(asked).toHaveLength(2);
    } finally {
      vi.useRealTimers();
    }
  });

  it('says why there is none', async () => {
    const { own, tell } = server();
    const background = new BackgroundRun(own);
    const made = background.make(REQUEST);
    await tell({ event: 'error', data: { title: 'too long', status: 413, type: 'about:blank' } as never });
    expect(await made).toBeNull();
    expect(background.problem?.status).toBe(413);
  });

  it('is another where the numbers can be others', () => {
    expect(keyOf(REQUEST)).toBe(keyOf(stored('x').request));
    expect(keyOf(REQUEST)).not.toBe(keyOf({ ...REQUEST, prompt: 'Once upon a dime' }));
    expect(keyOf(REQUEST)).not.toBe(keyOf({ ...REQUEST, add_special_tokens: false }));
    expect(keyOf(REQUEST)).not.toBe(keyOf({ ...REQUEST, precision: 'int8' }));
    expect(keyOf(REQUEST)).not.toBe(keyOf({ ...REQUEST, kv_cache: { key: 'int8', value: 'int8' } }));
  });
});

describe('the model that a view runs unasked', () => {
  const GIB = 2 ** 30;
  const known: Record<string, { bytes: number; open: boolean; trouble?: string }> = {
    tales: { bytes: 8e6, open: false },
    gemma: { bytes: 0.5 * GIB, open: false },
    large: { bytes: 16 * GIB, open: false },
    ready: { bytes: 16 * GIB, open: true },
    broken: { bytes: 1, open: false, trouble: 'config.json is missing' },
  };
  const of = (chosen: string | null, fallback: string | null, recorded: string | null = 'tales') =>
    unasked({ chosen, fallback, recorded, about: (slug) => known[slug] ?? null });

  it('is the chosen one, else the server’s default', () => {
    expect(of('gemma', 'tales')).toEqual({ model: 'gemma', why: null });
    expect(of(null, 'gemma')).toEqual({ model: 'gemma', why: null });
    expect(of(null, null)).toEqual({ model: null, why: null });
    expect(of('a kept state', 'tales')).toEqual({ model: 'a kept state', why: null });
  });

  it('is not opened where it is large: a default gives way to the recording’s, a chosen one waits for Run', () => {
    expect(of(null, 'large')).toEqual({ model: 'tales', why: null });
    expect(of(null, 'ready')).toEqual({ model: 'ready', why: null });
    expect(of('ready', 'tales')).toEqual({ model: 'ready', why: null });
    const { model, why } = of('large', 'tales');
    expect(model).toBe('large');
    expect(why).toMatch(/16\.0\sGiB/);
    expect(of(null, 'large', null).why).toContain('Press Run');
    expect(of('broken', 'tales').why).toBe('config.json is missing');
  });
});

describe('what a recording was asked', () => {
  it('is asked of the live run, about that run', async () => {
    const recording = {
      manifest: { id: 'recorded-1' },
      ask: async () => 1,
      capture: async () => 2,
      lens: async () => 3,
      need: async () => undefined,
    } as unknown as Source;
    const heard: unknown[] = [];
    const live = {
      manifest: { id: 'live-2' },
      ask: async (...args: unknown[]) => void heard.push(['ask', ...args]),
      capture: async (...args: unknown[]) => void heard.push(['capture', ...args]),
      need: async (...args: unknown[]) => void heard.push(['need', ...args]),
      lens: async () => Promise.reject(new Error('refused')),
    } as unknown as Source;
    const source = remembered(recording);
    const own = new AbortController().signal;
    const { signal } = new AbortController();
    expect(await source.ask({ path: '/runs/recorded-1/x', body: { run: 'recorded-1' } }, own)).toBe(1);
    expect(await source.capture('logits', { pos: 3 }, own)).toBe(2);
    expect(await source.capture('logits', { pos: 3 }, own)).toBe(2);
    await source.ask({ path: '/runs/recorded-1/captures/blocks.0.hook_mlp_out?pos=12', body: null }, own);
    expect(await source.lens(own, undefined)).toBe(3);
    await source.need(['a'], undefined);
    // A run that an answer of the recording named, and a route of a capture: neither is a value of the live run.
    await source.ask({ path: '/runs/20260101-000000-001-abcdef/patterns?size=16', body: null }, own);
    await source.ask({ path: '/heads', body: { run: '20260101-000000-001-abcdef' } }, own);
    await source.ask({ path: '/runs/recorded-1/captures/logits/statistics?scheme=bf16', body: null }, own);
    await source.askAgain(live, signal);
    expect(heard).toEqual([
      ['ask', { path: '/runs/live-2/x', body: { run: 'live-2' } }, signal],
      ['capture', 'logits', { pos: 3 }, signal],
      ['capture', 'blocks.0.hook_mlp_out', { pos: '12' }, signal],
      ['need', ['a']],
      ['ask', { path: '/runs/live-2/captures/logits/statistics?scheme=bf16', body: null }, signal],
    ]);
  });
});

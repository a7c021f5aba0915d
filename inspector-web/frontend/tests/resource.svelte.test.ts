import { expect, test } from 'vitest';
import { resource, type Resource } from '../src/kit/data/resource.svelte';

/** A resource never passes one request's value off as another's. */

interface Asked {
  what: string;
  signal: AbortSignal;
  answer: (value: string) => void;
  fail: (error: unknown) => void;
}

/** Effects have run, and promises that were answered. */
const settled = () => new Promise((done) => setTimeout(done));

/** A resource of what is asked for; null asks for nothing. */
async function made(first: string | null) {
  const sent: Asked[] = [];
  let what = $state(first);
  let of!: Resource<string>;
  const stop = $effect.root(() => {
    of = resource(() => {
      const now = what;
      return now === null
        ? null
        : (signal) => new Promise<string>((answer, fail) => sent.push({ what: now, signal, answer, fail }));
    });
  });
  await settled();
  return {
    of,
    sent,
    stop,
    ask(next: string | null) {
      what = next;
    },
  };
}

test('a value is gone in the moment something else is asked for, before any effect has run', async () => {
  const r = await made('ravine');
  expect([r.of.value, r.of.pending, r.of.stale]).toEqual([null, true, false]);
  r.sent[0].answer('heights of a ravine');
  await settled();
  expect([r.of.value, r.of.pending, r.of.stale]).toEqual(['heights of a ravine', false, false]);

  r.ask('loss');
  expect([r.of.value, r.of.pending, r.of.stale], 'at once').toEqual([null, true, true]);
  expect(r.of.last).toBe('heights of a ravine');
  await settled();
  expect([r.of.value, r.of.pending, r.of.stale], 'under way').toEqual([null, true, true]);
  r.sent[1].answer('heights of a loss');
  await settled();
  expect([r.of.value, r.of.last, r.of.stale]).toEqual(['heights of a loss', 'heights of a loss', false]);
  r.stop();
});

test('a late answer to an earlier request is not taken', async () => {
  const r = await made('a');
  r.ask('b');
  await settled();
  expect(r.sent[0].signal.aborted).toBe(true);
  r.sent[0].answer('A');
  await settled();
  expect(r.of.value).toBeNull();
  expect(r.of.last).toBeNull();
  r.sent[1].answer('B');
  await settled();
  expect(r.of.value).toBe('B');
  r.stop();
});

test('a problem belongs to its request too, and is tried again', async () => {
  const r = await made('a');
  r.sent[0].fail(new Error('no answer'));
  await settled();
  expect([r.of.problem?.json.found, r.of.pending]).toEqual(['Error: no answer', false]);
  r.ask('b');
  expect([r.of.problem, r.of.pending], 'of another request there is no problem yet').toEqual([null, true]);
  await settled();
  r.sent[1].fail(new Error('no answer'));
  await settled();
  r.of.problem!.retry!();
  await settled();
  expect([r.of.problem, r.of.pending, r.sent.length]).toEqual([null, true, 3]);
  r.sent[2].answer('B');
  await settled();
  expect([r.of.value, r.of.problem]).toEqual(['B', null]);
  r.stop();
});

test('what is known stays while nothing is asked for, and goes with the next request', async () => {
  const r = await made('a');
  r.sent[0].answer('A');
  await settled();
  r.ask(null);
  expect([r.of.value, r.of.pending, r.of.stale]).toEqual(['A', false, false]);
  await settled();
  expect(r.sent).toHaveLength(1);
  r.ask('b');
  expect([r.of.value, r.of.pending]).toEqual([null, true]);
  r.stop();
});

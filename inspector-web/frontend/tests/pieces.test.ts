import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ByteCache } from '../src/api/cache';
import { capturePath } from '../src/api/client';
import { Problem } from '../src/api/problem';
import type { RunManifest } from '../src/api/types';
import { streamNorms } from '../src/views/trace/norms';
import { linear, logarithmic, symmetric } from '../src/kit/paint/matrix';
import { luminance, ramp } from '../src/kit/paint/ramps';
import { toCsv } from '../src/kit/figure/figure';
import { callRecipe, METHODS, recipe } from '../src/kit/figure/recipes';
import { covers } from '../src/kit/figure/save';

describe('the cache', () => {
  it('lets go of what was used longest ago, and never of the newest', () => {
    const cache = new ByteCache<string>(10);
    cache.set('a', 'A', 4);
    cache.set('b', 'B', 4);
    expect(cache.get('a')).toBe('A');
    cache.set('c', 'C', 4);
    expect(cache.get('b')).toBeUndefined();
    expect(cache.get('a')).toBe('A');
    cache.set('d', 'D', 99);
    expect(cache.get('d')).toBe('D');
    expect(cache.bytes).toBe(99);
  });
});

describe('paths and recipes', () => {
  const manifest = {
    id: 'R1',
    model: { slug: 'm' },
    request: { model: 'm', prompt: "it's", capture: ['logits'], generate: { greedy: true, max_new_tokens: 2 } },
  } as unknown as RunManifest;

  it('name the slice as the contract writes it', () => {
    expect(capturePath('R1', 'blocks.0.attn.hook_pattern', { head: 2, query: '2:5' })).toBe(
      '/runs/R1/captures/blocks.0.attn.hook_pattern?head=2&query=2:5',
    );
    expect(capturePath('R1', 'logits')).toBe('/runs/R1/captures/logits');
  });

  it('give the exact call for a live run', () => {
    const r = recipe(
      { kind: 'capture', hook: 'logits', slice: { pos: 3 }, index: '[0, 3]' },
      manifest,
      'http://h:1',
      false,
    );
    expect(r.curl).toBe("curl -o logits.safetensors 'http://h:1/api/v1/runs/R1/captures/logits?pos=3'");
    expect(r.python).toContain('Inspector("http://h:1").get("R1")');
    expect(r.python).toContain('run.capture("logits")[0, 3]');
    expect(recipe({ kind: 'lens', hook: '' }, manifest, 'http://h:1', false).curl).toContain(`-d '{"run":"R1"}'`);
  });

  it('make a recorded run again first', () => {
    const r = recipe({ kind: 'capture', hook: 'logits', slice: { pos: 3 } }, manifest, 'http://h:1', true);
    expect(r.curl).toContain("it'\\''s");
    expect(r.curl).toContain('"http://h:1/api/v1/runs/$RUN/captures/logits?pos=3"');
    expect(r.python).toContain('again.capture("logits")');
    expect(r.python).toContain('greedy=True');
  });

  it('send what was asked, from a shell and as the Python client’s arguments', () => {
    const asked = { kind: 'answer', ask: { path: '/heads/effects', body: { run: 'R1', pos: 3 } } } as const;
    const live = recipe(asked, manifest, 'http://h:1', false);
    expect(live.curl).toBe(
      `curl -s 'http://h:1/api/v1/heads/effects' -H 'content-type: application/json' \\\n  -d '{"run":"R1","pos":3}'`,
    );
    expect(live.python).toContain('answer = server.head_effects(run="R1", pos=3)');
    const past = recipe(asked, manifest, 'http://h:1', true);
    expect(past.curl).toContain(`-d '{"run":"'"$RUN"'","pos":3}'`);
    expect(past.python).toContain('answer = Inspector().head_effects(run=again, pos=3)');
    // Of the model alone: a run need not be made again.
    const twice = { kind: 'answer', ask: { path: '/heads/repeated', body: { seed: 0 } } } as const;
    expect(recipe(twice, manifest, 'http://h:1', true).python).toContain('server.heads_repeated(model="m", seed=0)');
    expect(callRecipe('/models/a%2Fb/positions', null, 'http://h:1')).toEqual({
      curl: `curl -s 'http://h:1/api/v1/models/a%2Fb/positions'`,
      python: expect.stringContaining('server.positions(model="a/b")') as string,
    });
    const near = callRecipe('/embeddings/neighbours', { of: { plus: [1] }, metric: 'dot', top: undefined }, '');
    expect(near.python).toContain('neighbours(plus=[1], metric="dot")');
    const said = callRecipe('/tokenizations', { text: "it's", with: [{ model: 'm', chat: true }], x: null }, '');
    expect(said.python).toContain('tokenizers=[{"model": "m", "chat": True}], x=None');
    expect(said.curl).toContain("it'\\''s");
  });
});

describe('methods of the Python client', () => {
  const client = readFileSync(join(__dirname, '../../../scripts/client/llm_inspector/client.py'), 'utf8');
  it.each(METHODS)('%s is sent by %s', (path, name, named) => {
    const text = new RegExp(`\\n    def ${name}\\(([\\s\\S]*?)(?=\\n    def )`).exec(client)?.[1] ?? '';
    const body = text.replace('self._post_run(', '"runs"'); // which streams what it sends there
    const word = path.source.split('\\/').slice(-1)[0].replace('$', '');
    expect(body, name).toContain(named ? `${named}:` : `${word.replace(/.*\//, '')}"`);
  });
});

describe('shades', () => {
  it('go one way from the ground to the strongest', () => {
    for (const dark of [false, true]) {
      const { packed } = ramp('sequential', dark);
      const light = Array.from(packed, (p) => luminance([p & 255, (p >> 8) & 255, (p >> 16) & 255]));
      for (let i = 8; i < 256; i += 8) expect(dark ? light[i] > light[i - 8] : light[i] < light[i - 8]).toBe(true);
    }
  });

  it('can be read on at every step', () => {
    for (const name of ['sequential', 'diverging'] as const) {
      for (const dark of [false, true]) {
        const r = ramp(name, dark);
        for (let i = 0; i <= 50; i++) {
          const back = r
            .css(i / 50)
            .match(/\d+/g)!
            .map(Number) as [number, number, number];
          const ink = r.ink(i / 50);
          const front = [1, 3, 5].map((k) => parseInt(ink.slice(k, k + 2), 16)) as [number, number, number];
          const [a, b] = [luminance(back), luminance(front)].sort((x, y) => y - x);
          expect((a + 0.05) / (b + 0.05)).toBeGreaterThanOrEqual(4.5);
        }
      }
    }
  });

  it('map values as they say', () => {
    expect(linear(0, 2)(1)).toBe(0.5);
    expect(symmetric(4)(0)).toBe(0.5);
    expect(symmetric(4)(-4)).toBe(0);
    expect(logarithmic(1, 4)(0.01)).toBeCloseTo(0.5);
    expect(logarithmic(1, 4)(0)).toBe(0);
  });
});

describe('the stream', () => {
  it('has both additions side by side where a block is parallel', () => {
    const row = (hook: string, v: number) => ({ hook: `blocks.0.${hook}`, point: hook, layer: 0, norms: [v] });
    const { stations, added } = streamNorms({
      run: 'r',
      rows: [row('hook_resid_pre', 1), row('hook_attn_out', 2), row('hook_mlp_out', 3), row('hook_resid_post', 4)],
    });
    expect(stations.map((s) => s.norms[0])).toEqual([1, 4]);
    expect(added.map((a) => [a.part, a.after, a.slot])).toEqual([
      ['attention', 0, 0],
      ['MLP', 0, 1],
    ]);
  });
});

describe('small things', () => {
  it('CSV cells with commas, quotes and line ends are quoted', () => {
    expect(
      toCsv({
        columns: ['a', 'b'],
        rows: [
          [' ,', '"'],
          ['\n', 1],
        ],
      }),
    ).toBe('a,b\n" ,",""""\n"\n",1\n');
  });

  it('fonts are embedded for the characters that are there', () => {
    expect(covers('U+0000-00FF, U+2122', 'abc')).toBe(true);
    expect(covers('U+0400-04FF', 'abc')).toBe(false);
    expect(covers('U+4??', 'б')).toBe(true);
  });

  it('an answer that is no problem document still says what is known', async () => {
    const problem = await Problem.fromResponse(
      new Response('<html>', { status: 502, statusText: 'Bad Gateway' }),
      '/x',
    );
    expect(problem.json).toMatchObject({ status: 502, where: '/x', found: 'Bad Gateway' });
    const busy = await Problem.fromResponse(
      new Response('{"title":"too many","status":429}', { status: 429, headers: { 'retry-after': '2' } }),
      '/runs',
    );
    expect(busy.retryAfter).toBe(2);
  });
});

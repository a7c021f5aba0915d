import { describe, expect, it } from 'vitest';
import type { Tensor } from '../src/api/tensor';
import type { Sweep, SweepEvaluation, SweepExample, SweepLoss, SweepResult, Token } from '../src/api/types';
import {
  contextTitle,
  evaluationTitle,
  readOf,
  shares,
  stops,
  tokensTitle,
  factsOf,
  headsOf,
  headsTitle,
  interval,
  lensRows,
  lensTitle,
  origin,
  progressOf,
  ranked,
  REDUCERS,
  routedOf,
  routedTitle,
} from '../src/views/corpus/corpus';
import { barsOf, bounds, cellName, NONFINITE, placeOf, ZERO } from '../src/views/corpus/histogram';
import { chapterOf, examplesTitle, peaks, promptOf, unitHooks, unitName, unitsTitle } from '../src/views/corpus/units';
import { formatUrl, parseUrl } from '../src/state/url';

const tensors = (named: Record<string, number[]>): Map<string, Tensor> =>
  new Map(
    Object.entries(named).map(([name, data]) => [name, { name, shape: [data.length], data: Float32Array.from(data) }]),
  );

const job = (more: Partial<Sweep> = {}): Sweep => ({
  id: '20261202-163640-462-be4a3e',
  state: 'finished',
  request: { corpus: { path: 'tales:held_out' } },
  parts: 2,
  of: 2,
  results: [],
  ...more,
});

const token = (text: string, id = text.length): Token => ({
  id,
  text,
  bytes: [...new TextEncoder().encode(text)],
  special: false,
});
const example = (value: number, at: string, ...tokens: string[]): SweepExample => ({
  value,
  window: 0,
  position: tokens.indexOf(at),
  document: 'd',
  tokens: tokens.map((t) => token(t)),
});

describe('a unit’s histogram', () => {
  /** Histogram.cell of Histogram.java. */
  const cellOf = (value: number): number => {
    const exponent = value === 0 ? 0 : Math.floor(Math.log2(Math.abs(value)));
    if (!Number.isFinite(value)) return NONFINITE;
    if (value === 0) return ZERO;
    const size = Math.max(-8, Math.min(7, exponent)) + 8;
    return value < 0 ? ZERO - 1 - size : ZERO + 1 + size;
  };

  it('has bounds that hold the values that the server puts there', () => {
    for (const v of [0.0001, 0.005, 0.3, 0.5, 1, 1.5, 2, 64, 127, 128, 1e6].flatMap((x) => [x, -x])) {
      const { from, to } = bounds(cellOf(v));
      if (v > 0) expect(from <= v && v < to, `${v} in ${from} to ${to}`).toBe(true);
      else expect(from < v && v <= to, `${v} in ${from} to ${to}`).toBe(true);
    }
    expect(bounds(cellOf(0))).toEqual({ from: 0, to: 0 });
  });

  it('goes from the smallest to the largest value', () => {
    for (let cell = 1; cell < NONFINITE; cell++) expect(bounds(cell).from).toBeCloseTo(bounds(cell - 1).to, 12);
  });

  it('is labelled with values of the data', () => {
    expect(cellName(cellOf(3))).toBe('2 to 4');
    expect(cellName(cellOf(-0.2))).toBe('−1/4 to −1/8');
    expect(cellName(cellOf(-1000))).toBe('−128 and below');
    expect(cellName(cellOf(0))).toBe('exactly 0');
    expect(placeOf(1)).toBe(cellOf(1) - 0.5);
    expect(placeOf(-1)).toBe(cellOf(-1) + 0.5);
  });

  it('is drawn as far as it has values', () => {
    const cells = Array.from({ length: NONFINITE + 1 }, () => 0);
    cells[cellOf(3)] = 4;
    cells[NONFINITE] = 1;
    const bars = barsOf(cells);
    expect([bars.first, bars.last, bars.all, bars.nonfinite]).toEqual([ZERO - 1, cellOf(3) + 1, 4, 1]);
    expect(bars.ticks.map((t) => t.text)).toEqual(['0', '1/64', '1/8', '1', '8']);
  });
});

/** With spaces that may break. */
const plain = (text: string): string => text.replaceAll(/[\u00a0\u202f]/g, ' ');

describe('a sweep', () => {
  it('says how far it is', () => {
    const progress = { phase: 'running', shards: 1, of: 2, windows: 64, tokens_per_second: 1199.4, seconds_left: 1.3 };
    const running = job({ state: 'running', parts: 1, progress: progress as Sweep['progress'] });
    expect(progressOf(running).replaceAll('\u202f', ' ')).toBe('1 of 2 parts, 1,199 tokens/s, 1.3 s left');
    expect(progressOf(job({ state: 'running', parts: 0, of: 0 }))).toBe('the corpus is being read');
    expect(factsOf(job({ state: 'stopped', parts: 1 }))).toEqual(['stopped after 1 of 2 parts']);
  });

  it('has its loss with its interval, and without one of one document', () => {
    expect(interval({ value: 0.43348, low: 0.4072, high: 0.46304 })).toBe('0.4335 (0.4072 to 0.463)');
    expect(interval({ value: 0.5 })).toBe('0.5');
  });

  it('says what context buys in a title that holds of any numbers', () => {
    const loss = (positions: SweepLoss['positions'], counts: number[]) => ({ positions, counts });
    expect(plain(contextTitle(loss([null, 3, 2, 1, 1, 1, 1, 3], [0, 4, 4, 4, 4, 4, 3, 1])))).toBe(
      'A token costs 3 nats at position 1, and 1.5 at positions 6 to 7',
    );
    expect(plain(contextTitle(loss([null, 3], [0, 4])))).toBe('Position 1 costs 3 nats per token');
    expect(plain(contextTitle(loss([null], [0])))).toBe('Loss by position in the window');
  });

  it('says what tokens cost, together and each', () => {
    const token = { id: 7, text: ' the', bytes: [32, 116, 104, 101], special: false };
    const costs = {
      kinds: 9,
      frequent: 4,
      count: 200,
      sum: 100,
      tokens: [{ token, count: 50, sum: 25, mean: 0.5, share: 0.25 }],
    };
    expect(plain(tokensTitle(costs, 'total', 1))).toBe(
      '“·the” makes 25.0 % of the whole loss and 25.0 % of the tokens',
    );
    expect(tokensTitle(costs, 'mean', 1)).toBe(
      '“·the”, which comes 50 times, costs 0.5 nats each; a token of the corpus 0.5',
    );
    expect(tokensTitle({ ...costs, tokens: [] }, 'mean', 500)).toBe('No token of this corpus occurs 500 times');
    expect(stops(4000)).toEqual([1, 2, 5, 10, 20, 50, 100, 200]);
    expect(stops(3)).toEqual([1]);
  });

  it('says which layer lowers the loss most, where one does', () => {
    const rows = (loss: number[]) =>
      lensRows(tensors({ 'loss/sum': loss.map((x) => 4 * x), 'loss/count': loss.map(() => 4), same_top: loss }));
    expect(plain(lensTitle(rows([5, 4, 1, 0.5])))).toBe(
      'After layer 0 the loss is 5 nats, after layer 3 0.5; layer 2 lowers it most',
    );
    expect(plain(lensTitle(rows([1, 2])))).toBe('After layer 0 the loss is 1 nats, after layer 1 2');
  });

  it('ranks its heads, and says when a role has no query', () => {
    const means = (role: string, sum: number[], count: number[]) => ({
      [`blocks.2/${role}/sum`]: sum,
      [`blocks.2/${role}/count`]: count,
    });
    const heads = headsOf(
      tensors({
        ...means('first_token', [1, 3], [4, 4]),
        ...means('induction', [0, 0], [0, 0]),
        ...means('entropy', [8, 2], [4, 4]),
      }),
    );
    expect(heads.map((h) => [h.layer, h.head])).toEqual([
      [2, 0],
      [2, 1],
    ]);
    expect(ranked(heads, 'first_token')[0].head).toBe(1);
    expect(headsTitle(heads, 'first_token')).toContain('Layer 2, head 1 leads 2 heads: 75.0');
    expect(headsTitle(heads, 'entropy')).toBe('Layer 2, head 0 reads most widely of 2 heads: 2.00 nats of entropy');
    expect(headsTitle(heads, 'induction')).toContain('No query');
  });

  it('says which expert gets most', () => {
    const layers = routedOf(
      tensors({ 'blocks.1/load': [6, 2], 'blocks.1/entropy/sum': [4], 'blocks.1/entropy/count': [8] }),
    );
    expect(layers[0].entropy).toBe(0.5);
    expect(routedTitle(layers)).toContain('Layer 1 makes 75.0');
    expect(routedTitle(layers)).toContain('expert 0');
  });

  it('says what an evaluation gets right, beside chance', () => {
    const choices = {
      lines: 20,
      acc: { value: 0.65, stderr: 0.1094 },
      acc_norm: { value: 0.7 },
      acc_bytes: { value: 0.75 },
      chance: 0.25,
    };
    const continuations = { lines: 4, tokens: 9, greedy: { value: 0.5 } };
    const e: SweepEvaluation = { choices, continuations, truncated: 0, nonfinite: 0 };
    expect(plain(evaluationTitle(e))).toBe('Right in 65.0 % of 20 tasks, standard error 10.9 %; chance has 25.0 %');
    expect(shares(e).map((s) => [s.name, s.mean.value, s.tasks, s.chance])).toEqual([
      ['acc', 0.65, 20, 0.25],
      ['acc_norm', 0.7, 20, 0.25],
      ['acc_bytes', 0.75, 20, 0.25],
      ['greedy', 0.5, 4, undefined],
    ]);
    const alone = { continuations, truncated: 0, nonfinite: 0 };
    expect(plain(evaluationTitle(alone))).toBe('Greedy decoding says 50.0 % of 4 continuations');
    expect(shares(alone)).toHaveLength(1);
    const tasks = job({ request: { corpus: { path: 'tasks.jsonl' }, reduce: ['loglikelihood'] } });
    expect([readOf(tasks), readOf(job())]).toEqual([
      ['0 tasks', '0 continuations'],
      ['0 documents', '0 windows'],
    ]);
  });

  it('says how to get its numbers', () => {
    const { recipe } = origin(job(), 'lens', '/sweeps/x/results/lens', 'loss = 1', 'http://h');
    expect(recipe.curl).toBe("curl -s 'http://h/api/v1/sweeps/x/results/lens' -o lens.safetensors");
    expect(recipe.python).toContain('Inspector("http://h").sweeps() if s.id == "20261202-163640-462-be4a3e"');
  });

  it('is offered with reducers that have a sentence each', () => {
    for (const [, tells] of REDUCERS) expect(tells).toMatch(/^[A-Z].*\.$/);
  });
});

describe('a unit of a sweep', () => {
  it('is named as the model has it', () => {
    expect(unitName('blocks.3.mlp.hook_post', 17)).toBe('Neuron 17 of layer 3');
    expect(unitName('blocks.0.attn.hook_result', 2)).toBe('Head 2 of layer 0');
    expect(unitName('blocks.1.mlp.hook_expert_gates', 5)).toBe('Expert 5 of layer 1');
    expect(unitName('blocks.1.hook_resid_post', 5)).toBe('Channel 5 of blocks.1.hook_resid_post');
    expect(unitName('ln_final.hook_out', 5)).toBe('Channel 5 of ln_final.hook_out');
    expect(chapterOf('blocks.3.mlp.hook_post', 17)?.own).toEqual({ part: 'write', neuron: '17' });
    expect(chapterOf('blocks.1.hook_resid_post', 17)).toBeNull();
  });

  it('stands in the hooks that the sweep kept, in the model’s order', () => {
    const kept = (kind: string, name: string, ...shape: number[]): SweepResult => ({ kind, name, dtype: 'F32', shape });
    const hooks = unitHooks(
      [
        kept('heads', 'blocks.0/self/count', 8),
        kept('loss', 'position/count', 128),
        kept('moments', 'blocks.1.mlp.hook_post/count', 512),
        kept('moments', 'blocks.1.mlp.hook_post/mean', 512),
        kept('histogram', 'blocks.0.mlp.hook_post/channel', 512, 34),
        kept('top', 'blocks.1.mlp.hook_post/size', 512),
      ],
      ['blocks.0.mlp.hook_post', 'blocks.1.mlp.hook_post'],
    );
    expect(hooks.map((h) => [h.hook, h.layer, h.units, h.kinds])).toEqual([
      ['blocks.0.mlp.hook_post', 0, 512, ['histogram']],
      ['blocks.1.mlp.hook_post', 1, 512, ['moments', 'top']],
    ]);
    expect(unitsTitle(hooks[0], [0, 0.2, 0.7], [])).toBe(
      'Of 512 neurons of layer 0, 1 is above 0 on less than 1 % of tokens, 1 on more than half',
    );
    expect(unitsTitle(hooks[1], null, [1, 4, 2])).toBe('Of 512 neurons of layer 1, neuron 1 becomes largest: 4');
  });

  it('says on which tokens it is largest', () => {
    const some = [example(3, 'bb', 'a', 'bb'), example(2, 'ccc', 'a', 'ccc'), example(1, 'bb', 'bb')];
    expect(peaks(some).map((p) => [p.token.text, p.times])).toEqual([
      ['bb', 2],
      ['ccc', 1],
    ]);
    expect(examplesTitle('Neuron 1', some)).toBe('Neuron 1: 2 of its 3 largest values are on “bb”');
    expect(examplesTitle('Neuron 1', some.slice(0, 2))).toBe(
      'Neuron 1: its 2 largest values are on 2 different tokens',
    );
    expect(examplesTitle('Neuron 1', some.slice(0, 1))).toBe('Neuron 1: its largest value is on “bb”');
    expect(examplesTitle('Neuron 1', [])).toBe('Neuron 1 has no value in this corpus');
  });

  it('gives its window as a prompt, without what the tokenizer puts before it', () => {
    const [a, b] = [new TextEncoder().encode('€')].map((e) => [e.slice(0, 1), e.slice(1)])[0];
    const tokens = [token('<s>'), token(' x'), { ...token('?'), bytes: [...a] }, { ...token('?'), bytes: [...b] }];
    expect(promptOf(tokens, 1)).toBe(' x€');
  });
});

describe('the address of the Corpus view', () => {
  it('names a sweep and a unit, and only there', () => {
    const path = '/corpus?sweep=20261202-163640-462-be4a3e&hook=blocks.3.mlp.hook_post&unit=17';
    const state = parseUrl(new URL(path, 'http://localhost'));
    expect(state.own).toEqual({ sweep: '20261202-163640-462-be4a3e', hook: 'blocks.3.mlp.hook_post', unit: '17' });
    expect(formatUrl(state)).toBe(path);
    expect(formatUrl({ ...state, view: 'runs' })).toBe('/runs');
  });
});

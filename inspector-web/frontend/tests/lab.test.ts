import { describe, expect, it } from 'vitest';
import type { ComparisonManifest, HeadEffects, RunManifest, Token } from '../src/api/types';
import {
  along,
  circuitTitle,
  drawnAtFirst,
  edgeWords,
  enough,
  layout,
  measuredOf,
  partWords,
  ranBelow,
  rankedNodes,
  type Graph,
} from '../src/views/lab/circuit/circuit';
import { circuitOf } from '../src/views/lab/circuit/example';
import type { Analysis } from '../src/views/lab/paired';
import { graphFile } from '../src/views/lab/circuit/circuitTracer';
import { formatPins, named, parsePins, toggled } from '../src/views/lab/circuit/pins';
import {
  cellsOf,
  formatPlaces,
  parsePlaces,
  pathRequest,
  placeWords as setWords,
  receiverWords,
  setRequest,
  sizeOf,
  toggledCells,
  touches,
} from '../src/views/lab/patch/places';
import {
  columnWords,
  directionOf,
  measuredShares,
  gridsOf,
  journey,
  largest,
  limitOf,
  patchSays,
  patchTitle,
  reaches,
} from '../src/views/lab/grid';
import { answers, requestOf, settingsOf, tabOf, type Asked } from '../src/views/lab/requests';
import { metricOf, metricSettings, tokensOfField, wrongIds } from '../src/views/lab/metric';
import { partName, partsSays, partsTitle, sumWords, taken, waterfall } from '../src/views/lab/parts/parts';
import { mendedBy, mendedOf, placeWords, restoreSays, restoreTitle } from '../src/views/lab/restore';
import {
  checksWords,
  differing,
  metricName,
  metricWords,
  originOf,
  progressWords,
  share,
  unequal,
} from '../src/views/lab/words';
import { PARAMS } from '../src/views/lab/address';
import { valuesOf } from '../src/state/params';
import { headPlace, toLab } from '../src/state/lab/tolab';
import { mendOf } from '../src/views/compare/compare';
import { formatUrl, parseUrl } from '../src/state/url';

/** The request of a tab that asks for an analysis. */
const asks = (...of: Parameters<typeof requestOf>) => requestOf(...of)!;

const token = (text: string, id = text.length): Token => ({
  id,
  text,
  bytes: [...new TextEncoder().encode(text)],
  special: false,
});
const engine = (name: string, precision: string) =>
  ({ name, version: '1', form: 'hooked', device: 'cpu', precision, threads: 2 }) as Analysis['clean']['engine'];
const run = (tokens: Token[], top: Token, e = engine('torch', 'fp32')): Analysis['clean'] => ({
  model: 'm',
  engine: e,
  tokens,
  top,
});
const [MIA, BEN] = [token(' Mia', 741), token(' Ben', 649)];

const made = (more: Partial<Analysis>): Analysis => ({
  id: 'A1',
  created: '2026-12-03T07:54:56Z',
  request: { kind: 'patch', clean: { model: 'm', prompt: 'a b' }, corrupt: { prompt: 'c b' } },
  clean: run([token('a', 1), token(' b', 2)], MIA),
  corrupt: run([token('c', 3), token(' b', 2)], BEN),
  metric: { name: 'logit_diff', pos: 1, answers: [MIA], against: [BEN], clean: 8, corrupt: -12, noise: 1e-5 },
  convention: 'denoising',
  scores: [],
  invariants: [],
  seconds: 1.5,
  ...more,
});

/** Two layers and two positions: at first the first position has it all, then the second. */
const stream = {
  point: 'hook_resid_pre',
  axes: ['layer', 'pos'],
  shape: [2, 2],
  layers: [0, 1],
  positions: [0, 1],
  values: [8, -12, -10, 4],
  effects: [1, 0, 0.1, 0.8],
};
const attention = { ...stream, point: 'hook_attn_out', values: [-12, 2, null, null], effects: [0, 0.7, null, null] };

describe('grids of patching', () => {
  const a = made({ scores: [stream, attention] });
  const grids = gridsOf(a);

  it('have the uppermost layer first, and no value where there is no such place', () => {
    expect(grids[0].layers).toEqual([1, 0]);
    expect([...grids[0].shares]).toEqual([0.1, 0.8, 1, 0]);
    expect([...grids[0].values]).toEqual([-10, 4, 8, -12]);
    expect([...grids[1].shares]).toEqual([NaN, NaN, 0, 0.7]);
    expect(largest(grids[1])).toEqual({ point: 'hook_attn_out', layer: 0, column: 1, share: 0.7 });
  });

  it('of noising say what was taken away', () => {
    const noised = gridsOf(made({ request: { ...a.request, direction: 'noise' }, scores: [stream] }));
    expect([...noised[0].shares][2]).toBe(0);
    expect([...noised[0].shares][3]).toBe(1);
  });

  it('end their colours at 1, or beyond where a share is larger', () => {
    expect(limitOf(grids)).toBe(1);
    expect(limitOf(gridsOf(made({ scores: [{ ...stream, effects: [1.5, -2, 0, 0] }] })))).toBe(2);
  });

  it('say where the difference sits, layer after layer', () => {
    expect(journey(grids[0])).toEqual([
      { column: 0, from: 0, to: 0 },
      { column: 1, from: 1, to: 1 },
    ]);
    expect(patchTitle(a, grids)).toBe('What makes the answer sits on “a” before layer 0, on “·b” from layer 1 on');
    const still = gridsOf(made({ scores: [{ ...stream, effects: [1, 0, 1, 0] }] }));
    expect(patchTitle(a, still)).toBe('What makes the answer sits on “a” in every layer');
    expect(patchSays(a, grids)[1]).toBe('what attention adds brings back most at layer 0, position 1, “·b”: 70\u202f%');
    expect(columnWords(a, 'pos', 0)).toBe('position 0, “a” against “c”');
  });

  it('name the head with the largest share where there is no stream', () => {
    const z = { ...stream, point: 'attn.hook_z', axes: ['layer', 'head'], positions: undefined };
    const heads = made({ scores: [z] });
    expect(patchTitle(heads, gridsOf(heads))).toBe('Head 0 of layer 0 brings back most: 100\u202f% of the difference');
    expect(patchTitle(made({}), [])).toBe('No place was changed');
  });

  it('shade what a value can change: later layers and positions, and of its own layer what follows it', () => {
    const at = (point: string, layer: number, column: number) => ({ point, layer, column });
    const from = at('hook_attn_out', 1, 2);
    expect(reaches(from, at('hook_resid_pre', 2, 2))).toBe(true);
    expect(reaches(from, at('hook_resid_pre', 2, 1))).toBe(false);
    expect(reaches(from, at('hook_resid_pre', 1, 3))).toBe(false);
    expect(reaches(from, at('hook_mlp_out', 1, 2))).toBe(true);
    expect(reaches(from, at('hook_mlp_out', 1, 3))).toBe(false);
    expect(reaches(from, from)).toBe(true);
    expect(reaches(at('hook_resid_pre', 1, 2), at('hook_attn_out', 1, 3))).toBe(true);
    expect(reaches(at('hook_mlp_out', 1, 2), at('hook_attn_out', 1, 2))).toBe(false);
    expect(reaches(from, at('hook_attn_out', 0, 3))).toBe(false);
  });
});

const graph: Graph = {
  writers: 4,
  readers: 9,
  count: 40,
  edges: [
    { from: 'input', to: 'm0', score: -4 },
    { from: 'm0', to: 'a1.h1<v>', score: -2 },
    { from: 'a1.h1', to: 'logits', score: 1 },
  ],
  nodes: [
    { name: 'input', score: -5 },
    { name: 'a0.h0', score: 0.5 },
    { name: 'm0', score: -2 },
    { name: 'a1.h1', score: 3 },
  ],
  faithfulness: [
    { edges: 0, value: -12, faithfulness: 0 },
    { edges: 1, value: 7, faithfulness: 0.95 },
    { edges: 2, value: -2, faithfulness: 0.5 },
    { edges: 3, value: 7, faithfulness: 0.95 },
    { edges: 40, value: 8, faithfulness: 1 },
  ],
};

describe('a circuit', () => {
  it('stands with the embedding below, a layer’s heads under its MLP, and the logits above', () => {
    const nodes = layout(graph);
    const y = (name: string) => nodes.get(name)!.y;
    expect(y('input')).toBe(0);
    expect(y('logits')).toBe(1);
    const order = ['input', 'a0.h0', 'm0', 'a1.h1', 'logits'].map(y);
    expect(order).toEqual([...order].sort((a, b) => a - b));
    expect(new Set(order).size).toBe(5);
    expect([...nodes.values()].every((n) => n.x >= 0 && n.x <= 1)).toBe(true);
    // The second head stands to the right of where the first would.
    expect(nodes.get('a1.h1')!.x).toBeCloseTo(0.6);
  });

  it('is enough from where no larger one falls below nine tenths', () => {
    expect(enough(graph)?.edges).toBe(3);
    expect(drawnAtFirst(graph)).toBe(3);
    expect(circuitTitle(graph)).toBe('3 of 40 edges (7.5\u202f%) give 95\u202f% of the difference');
    const none = { ...graph, faithfulness: graph.faithfulness.slice(0, 1) };
    expect(enough(none)).toBeNull();
    expect(circuitTitle(none)).toBe('No circuit that was run reaches 90\u202f% of the difference');
    expect(ranBelow(graph, 39)?.edges).toBe(3);
  });

  it('names edges and parts in words', () => {
    expect(edgeWords(graph.edges[1])).toBe('layer 0, MLP → layer 1, head 1 (values)');
    expect(partWords('input')).toBe('the embedding');
    expect(partWords('s2')).toBe('layer 2, recurrence');
    expect(rankedNodes(graph).map((n) => n.name)).toEqual(['input', 'a1.h1', 'm0', 'a0.h0']);
  });

  it('has measured effects beside some estimates', () => {
    const a = made({ graph, measured: [{ place: 'm0->a1.h1<v>', estimate: -2, measured: -1.5 }] });
    expect(graph.edges.map((e) => measuredOf(a, e))).toEqual([null, -1.5, null]);
  });

  it('draws an edge from its writer to its reader', () => {
    expect(along([0, 100], [50, 0], 0)).toEqual([0, 100]);
    expect(along([0, 100], [50, 0], 1)).toEqual([50, 0]);
    expect(along([0, 100], [50, 0], 0.5)).toEqual([25, 50]);
  });
});

describe('what is given back', () => {
  const bars = { point: 'hook_mlp_out', axes: ['layer'], shape: [2], layers: [0, 1], values: [0.8, 0.1] };
  const a = made({
    clean: run([token('a', 1)], MIA, engine('onnx', 'fp32')),
    corrupt: run([token('a', 1)], MIA, engine('onnx', 'int4_32')),
    metric: { name: 'kl', pos: 0, answers: [MIA], against: [], clean: 0, corrupt: 1, noise: 1e-6 },
    scores: [{ ...bars, effects: [0.2, 0.9] }],
    restored: { answers: false, places: ['blocks.1.hook_mlp_out'], value: 0.1, mended: true },
  });

  it('is the least set that mends the answer', () => {
    expect(mendedOf(a)).toHaveLength(2);
    expect(mendedBy(a, 0.1)).toBeCloseTo(0.9);
    expect(placeWords('blocks.3.hook_attn_out')).toBe('attention of layer 3');
    expect(restoreTitle(a)).toBe('Given the MLP of layer 1 of FP32, INT4 has 90\u202f% of the difference mended');
    expect(restoreSays(a)).toEqual([
      'FP32 and INT4 both answer “·Mia”, 1 nats of KL divergence apart',
      'of 2 values tried alone, the MLP of layer 1 mends most: 90\u202f%',
    ]);
  });

  it('may not be enough even with all of them', () => {
    const none = { ...a, restored: { answers: false, places: [], value: 0.2, mended: false } };
    expect(restoreTitle(none)).toBe(
      'All values given back together mend 80\u202f% of what INT4 changes: nine tenths would be enough',
    );
    const other = { ...none, restored: { ...none.restored, answers: true } };
    expect(restoreTitle(other)).toContain('the answer stays another one');
  });
});

describe('the Lab’s requests', () => {
  const look = valuesOf(PARAMS, {});
  const asked: Asked = {
    model: 'm',
    texts: true,
    engine: 'torch',
    precision: 'fp32',
    clean: { prompt: 'a b' },
    corrupt: { prompt: 'c b' },
  };

  it('say only what is not the server’s default', () => {
    expect(asks(look, asked)).toEqual({
      kind: 'patch',
      clean: { model: 'm', prompt: 'a b' },
      corrupt: { prompt: 'c b' },
    });
    const heads = asks({ ...look, places: 'heads', direction: 'noise' }, { ...asked, engine: 'onnx' });
    expect(heads).toMatchObject({ direction: 'noise', by: 'head', points: ['attn.hook_z'], clean: { engine: 'onnx' } });
    expect(asks({ ...look, lab: 'restore', quantized: 'int4_32' }, asked)).toEqual({
      kind: 'restore',
      clean: { model: 'm', engine: 'onnx', prompt: 'a b' },
      corrupt: { engine: 'onnx', precision: 'int4_32' },
    });
  });

  it('find the kept analysis that answers them, however its request was written', () => {
    const request = asks(look, asked);
    expect(answers(made({}), request)).toBe(true);
    const wordy = made({ request: { ...request, direction: 'denoise', by: 'position', name: 'mine', measured: 10 } });
    expect(answers(wordy, request)).toBe(true);
    const nameless = made({ request: { kind: 'patch', clean: { prompt: 'a b' }, corrupt: { prompt: 'c b' } } });
    expect(answers(nameless, request)).toBe(true);
    for (const other of [
      { direction: 'noise' as const },
      { clean: { prompt: 'a  b' } },
      { clean: { prompt: 'a b', engine: 'onnx' } },
      { metric: { name: 'prob' as const } },
      { layers: [0] },
    ]) {
      expect(answers(made({ request: { ...request, ...other } }), request), JSON.stringify(other)).toBe(false);
    }
    expect(answers(made({ clean: { ...made({}).clean, model: 'n' } }), request)).toBe(false);
  });

  it('are asked again by what an opened analysis puts into the address', () => {
    for (const change of [
      { places: 'heads' as const, direction: 'noise' as const },
      { lab: 'circuit' as const },
      { lab: 'restore' as const, quantized: 'int4_32' as const, reference: 'torch' as const },
    ]) {
      const request = asks({ ...look, ...change }, asked);
      const kept = made({ request });
      expect(asks({ ...look, ...settingsOf(kept) }, asked), JSON.stringify(change)).toEqual(request);
    }
    expect(tabOf('path')).toBeNull();
  });

  it('stand in the address', () => {
    const state = parseUrl(new URL('http://h/lab?lab=circuit&clean=a+b&edges=12&model=m'));
    expect(state.view).toBe('lab');
    expect(valuesOf(PARAMS, state.own)).toMatchObject({ lab: 'circuit', clean: 'a b', edges: 12 });
    expect(formatUrl(state)).toBe('/lab?model=m&lab=circuit&clean=a+b&edges=12');
  });
});

describe('the Lab’s words', () => {
  it('say the metric with its two ends', () => {
    expect(metricWords(made({}).metric)).toBe('logit of “·Mia” less that of “·Ben”: 8 clean, −12 corrupt');
    expect(metricName({ name: 'prob', answers: [MIA], against: [] })).toBe('probability of “·Mia”');
  });

  it('say at once that prompts have unequal numbers of tokens', () => {
    const [a, b, c] = [token('a', 1), token('b', 2), token('c', 3)];
    expect(unequal([a, b], [c, b])).toBeNull();
    expect(unequal([a, b], [c])).toMatch(/^The clean prompt has 2 tokens, the corrupt one 1\. /);
    expect(differing([a, b], [c, b])).toEqual([true, false]);
    expect(differing([a, b], [a])).toEqual([false, true]);
  });

  it('count the checks that hold, and are loud about those that do not', () => {
    const check = { name: 'c', expected: 1, got: 1, within: 0.1, holds: true };
    expect(checksWords([check])).toBe('Checked on this answer: the one check holds.');
    expect(checksWords([check, check, check])).toBe('Checked on this answer: all 3 checks hold.');
    expect(checksWords([check, { ...check, holds: false }])).toBe(
      '1 check of 2 fails on this answer: do not rely on it.',
    );
  });

  it('say shares, progress and where numbers are from', () => {
    expect([share(1.474), share(-0.27), share(0.016)]).toEqual(['147\u202f%', '−27\u202f%', '1.6\u202f%']);
    expect(progressWords({ phase: 'rows', done: 3, total: 240 })).toBe('Changing one value at a time: 3 of 240');
    const { parts, recipe } = originOf(made({}), 'http://h');
    expect(parts).toEqual(['m', 'torch fp32 (hooked)', 'analysis A1', 'patch', '1.5\u202fs']);
    expect(recipe.curl).toContain("'http://h/api/v1/analyses'");
    expect(recipe.python).toContain('server.analyse(kind="patch", clean={"model": "m", "prompt": "a b"}');
  });
});

describe('parts of a logit', () => {
  const effects = (parts: [HeadEffects['parts'][number]['part'], number | undefined, number | undefined, number][]) =>
    ({
      run: 'R',
      pos: 1,
      id: 5,
      text: 'x',
      logit: 2,
      sum: parts.reduce((s, p) => s + p[3], 0),
      final_scale: 3,
      parts: parts.map(([part, layer, head, effect]) => ({ part, layer, head, effect })),
    }) as HeadEffects;
  const one = effects([
    ['embed', undefined, undefined, 0.5],
    ['head', 0, 1, -1],
    ['mlp', 0, undefined, 2.5],
    ['attn_rest', 0, undefined, 0],
  ]);

  it('are bars that begin where the one before ended, the weakest in one', () => {
    const { rows, others, all } = waterfall(one.parts, 'size', 2);
    expect(rows.map((r) => [r.name, r.from, r.to])).toEqual([
      ['layer 0, MLP', 0, 2.5],
      ['2 other parts together', 2.5, 2],
    ]);
    expect([others, all]).toEqual([2, 3]);
    expect(waterfall(one.parts, 'flow', 9).rows.map((r) => r.at)).toEqual(['input', 'a0.h1', 'm0']);
    expect(waterfall(one.parts, 'size', 9).rows.at(-1)!.to).toBe(one.sum);
  });

  it('say which adds most, which takes away, and whether the sum is the model’s', () => {
    const t = taken(one, null);
    expect(partsTitle(t, MIA, BEN)).toBe('Layer 0, MLP adds most to “·Mia” rather than “·Ben”: +2.5');
    expect(partsSays(t)[0]).toBe('layer 0, head 1 takes most away: −1');
    expect(sumWords(t)).toBe('The parts sum to 2; the model’s own is 2, a difference of 0.');
    expect(partsTitle(taken(effects([['mlp', 0, undefined, -1]]), null), MIA, null)).toBe('No part adds to “·Mia”');
    expect(partName({ part: 'ssm', layer: 3, effect: 1 })).toBe('layer 3, recurrence');
  });

  it('of a capped model are compared behind the cap, a difference as one of two capped logits', () => {
    const first = { ...one, softcap: 4, logit: 4 * Math.tanh(0.5) };
    const second = { ...one, softcap: 4, sum: 1, logit: 4 * Math.tanh(0.25) };
    expect(taken(first, second).expected - taken(first, second).logit).toBeCloseTo(0, 12);
    expect(taken(first, second).sum).toBe(1);
  });
});

describe('the metric of a reader', () => {
  const look = valuesOf(PARAMS, { measure: 'logit_diff', answers: ' Mia| he', reads: '-2' });

  it('has one text a token, spaces and all, or ids', () => {
    expect(tokensOfField(' Mia| he')).toEqual([' Mia', ' he']);
    expect(tokensOfField('')).toBeNull();
    expect(metricOf(look, true)).toEqual({ metric: { name: 'logit_diff', answers: [' Mia', ' he'], pos: -2 } });
    expect(metricOf({ ...look, answers: '7|8', reads: null }, false)).toEqual({
      metric: { name: 'logit_diff', answer_ids: [7, 8] },
    });
    expect(metricOf({ ...look, measure: 'kl', against: 'x' }, true)).toEqual({ metric: { name: 'kl', pos: -2 } });
    expect(metricOf(valuesOf(PARAMS, {}), true)).toEqual({});
    expect(wrongIds({ ...look, answers: '7|x' })).toBe('“x” is not a token id.');
  });

  it('is asked for again by a kept analysis', () => {
    expect({ ...look, ...metricSettings(metricOf(look, true).metric) }).toEqual(look);
    expect(metricSettings(undefined).measure).toBe('auto');
  });
});

describe('a lesson’s circuit', () => {
  it('is the one that the Circuit tab asks for', () => {
    const ask = circuitOf('tales-4m')!;
    const { clean, corrupt } = ask.body;
    const look = { ...valuesOf(PARAMS, {}), lab: 'circuit' as const };
    const asked = { model: 'tales-4m', engine: 'torch', precision: 'fp32' as const, texts: true };
    expect(ask.body).toEqual(
      asks(look, { ...asked, clean: { prompt: clean.prompt }, corrupt: { prompt: corrupt!.prompt } }),
    );
    expect(circuitOf('another')).toBeNull();
  });
});

describe('a circuit for circuit-tracer', () => {
  const graph: Graph = {
    writers: 3,
    readers: 5,
    count: 9,
    edges: [
      { from: 'input', to: 'a0.h1<q>', score: -2 },
      { from: 'a0.h1', to: 'm0', score: 1.5 },
      { from: 'input', to: 'a0.h1<v>', score: 1 },
      { from: 'm0', to: 'logits', score: 0.5 },
    ],
    nodes: [
      { name: 'input', score: -1 },
      { name: 'a0.h1', score: 1.5 },
      { name: 'm0', score: 0.5 },
    ],
    faithfulness: [],
  };
  const pins = parsePins('a0.h1~reads the giver|m7|nothing');

  it('has the fields that its model requires, and every link between nodes that there are', () => {
    const file = graphFile(made({ graph }), graph, 4, pins);
    expect(Object.keys(file)).toEqual(['metadata', 'qParams', 'nodes', 'links']);
    for (const field of ['slug', 'scan', 'transcoder_list', 'prompt_tokens', 'prompt', 'schema_version']) {
      expect(file.metadata).toHaveProperty(field);
    }
    const ids = new Set(file.nodes.map((n) => n.node_id));
    expect(ids.size).toBe(4);
    for (const n of file.nodes) {
      expect(Number.isInteger(n.feature) && Number.isInteger(n.ctx_idx)).toBe(true);
      expect([typeof n.layer, typeof n.feature_type, n.jsNodeId]).toEqual(['string', 'string', n.node_id]);
    }
    expect(file.links.every((l) => ids.has(l.source) && ids.has(l.target))).toBe(true);
    expect(file.links.map((l) => l.weight)).toEqual([-1, 1.5, 0.5]);
    expect(file.nodes.find((n) => n.feature_type === 'logit')).toMatchObject({
      clerp: 'Output " Mia" less " Ben" (p=not measured)',
      layer: '2',
    });
    expect(file.nodes.find((n) => n.feature_type === 'attention head')).toMatchObject({
      clerp: 'reads the giver',
      layer: '0',
      influence: 0.5,
    });
    expect(file.qParams.pinnedIds).toHaveLength(1);
  });

  it('has only the edges that are drawn, the strongest', () => {
    const file = graphFile(made({ graph }), graph, 1, new Map());
    expect(file.links).toHaveLength(1);
    expect(file.nodes.map((n) => n.feature_type).sort()).toEqual([
      'attention head',
      'embedding of all positions',
      'logit',
    ]);
  });

  it('takes a reader’s names, which the address has', () => {
    expect([...pins]).toEqual([
      ['a0.h1', 'reads the giver'],
      ['m7', ''],
    ]);
    expect(formatPins(named(toggled(pins, 'm7'), 'input', 'x|y'))).toBe('a0.h1~reads the giver|input~x y');
    expect(formatPins(toggled(parsePins('m0'), 'm0'))).toBeNull();
  });
});

describe('a set that does not mend', () => {
  it('is of the 64 best values where more were tried', () => {
    const of = (n: number) =>
      made({
        corrupt: run([token('a', 1)], MIA, engine('onnx', 'int8')),
        scores: [{ ...stream, axes: ['layer'], shape: [n], layers: [], values: [], effects: Array<number>(n).fill(0) }],
        restored: { answers: true, places: [], value: -2, mended: false },
      });
    expect(restoreTitle(of(64))).toMatch(/^All values given back together mend 50/);
    expect(restoreTitle(of(65))).toMatch(/^The 64 best of 65 values given back together mend 50/);
  });
});

describe('ways into the Lab', () => {
  const run = {
    model: { slug: 'm' },
    request: { prompt: 'a b' },
    prompt_length: 3,
    tokens: [{ ...token('<s>', 0), special: true }, token('a', 1), token(' b', 2), token(' c', 3)],
  } as RunManifest;

  it('take the run’s prompt along, and the position that is asked about', () => {
    expect(toLab(run, { lab: 'parts' })).toEqual({ model: 'm', own: { lab: 'parts', clean: 'a b' } });
    expect(toLab(run, {}, 1)?.own).toEqual({ clean: 'a b', reads: '1' });
    expect(toLab(run, {}, 2)?.own).toEqual({ clean: 'a b' });
    expect(toLab(run, {}, 3)?.own).toEqual({ clean: 'a b c' });
    const nameless = { ...run, request: {}, tokens: run.tokens.map((t) => ({ ...t, bytes: [], special: false })) };
    expect(toLab(nameless as RunManifest, {})?.own).toEqual({ clean: '0 1 2' });
    expect(toLab(null, {})).toBeNull();
    const chat = { ...run, request: { messages: [{ role: 'user', content: 'a' }] } };
    expect(toLab(chat as RunManifest, {})).toBeNull();
    expect(parsePlaces(headPlace(3, 2))).toEqual([{ layer: 3, point: 'attn.hook_z', by: 'head', columns: [2] }]);
  });

  it('lead from a comparison of a model with itself in few bits', () => {
    const side = (precision: string, slug = 'm') => ({ request: { prompt: 'a b', precision }, model: { slug } });
    const of = (a: object, b: object) => mendOf({ a, b } as ComparisonManifest);
    expect(of(side('fp32'), side('int8'))).toEqual({
      model: 'm',
      own: { lab: 'restore', quantized: 'int8', clean: 'a b' },
    });
    expect(of(side('fp32'), side('fp16'))).toBeNull();
    expect(of(side('fp32', 'n'), side('int8'))).toBeNull();
  });
});

describe('places that are changed together', () => {
  const text = '3.hook_attn_out@5.6,4.hook_resid_pre@7';
  const places = parsePlaces(text);

  it('are read from the address and written back; what is none is left out', () => {
    expect(formatPlaces(places)).toBe(text);
    expect(parsePlaces('x,3.hook_attn_out@,,4.attn.hook_z@h2')).toEqual([
      { layer: 4, point: 'attn.hook_z', by: 'head', columns: [2] },
    ]);
    expect([sizeOf(places), formatPlaces([])]).toEqual([3, null]);
  });

  it('take cells in, in the order of the data, and let them go again', () => {
    const cell = (layer: number, column: number, point = 'hook_attn_out') => ({ layer, point, column });
    const more = toggledCells(places, [cell(3, 2), cell(1, 0, 'hook_mlp_out')], 'pos');
    expect(formatPlaces(more)).toBe(`1.hook_mlp_out@0,3.hook_attn_out@2.5.6,4.hook_resid_pre@7`);
    expect(formatPlaces(toggledCells(places, [cell(3, 5), cell(3, 6)], 'pos'))).toBe('4.hook_resid_pre@7');
    expect(formatPlaces(toggledCells(places, [cell(3, 1, 'attn.hook_z')], 'head'))).toBe('3.attn.hook_z@h1');
  });

  it('shade what any of them can change', () => {
    expect(touches(places, { layer: 5, point: 'hook_mlp_out', column: 6 })).toBe(true);
    expect(touches(places, { layer: 5, point: 'hook_mlp_out', column: 4 })).toBe(false);
    expect(touches(parsePlaces('1.attn.hook_z@h2'), { layer: 5, point: 'hook_mlp_out', column: 6 })).toBe(false);
  });

  it('are cells of a small request of their own, and senders of paths from their lowest layer on', () => {
    const request = { ...made({}).request, kind: 'attribution' as const, convention: 'eap' as const };
    expect(setRequest(request, places)).toEqual({
      kind: 'patch',
      clean: request.clean,
      corrupt: request.corrupt,
      direction: 'noise',
      points: ['hook_attn_out'],
      layers: [3],
      positions: [5],
      cells: cellsOf(places),
      name: '3 places given together',
    });
    const kept = made({ request: setRequest(made({}).request, places) });
    expect(settingsOf(kept).set).toBe(text);
    expect(cellsOf(parsePlaces('4.attn.hook_z@h2'))).toEqual([{ hook: 'blocks.4.attn.hook_z', heads: [2] }]);
    const paths = pathRequest(made({}).request, places, 'v', [0, 3, 4]);
    expect(paths.receivers).toEqual([{ hook: 'blocks.3.attn.hook_v' }, { hook: 'blocks.4.attn.hook_v' }]);
    expect(pathRequest(made({}).request, places, 'logits', [0]).receivers).toEqual([{ hook: 'logits' }]);
  });

  it('and receivers have names', () => {
    const a = made({});
    expect(setWords(a, { layer: 1, point: 'hook_mlp_out', by: 'pos', columns: [0] })).toBe(
      'layer 1: what the MLP adds at position 0, “a” against “c”',
    );
    expect(setWords(a, { layer: 1, point: 'attn.hook_z', by: 'head', columns: [0, 2] })).toBe(
      'layer 1: output of heads 0, 2',
    );
    expect(receiverWords('blocks.4.attn.hook_v, head 2')).toBe('layer 4, head 2 (values)');
    expect(receiverWords('blocks.4.hook_mlp_out')).toBe('layer 4, MLP');
    expect(receiverWords('logits')).toBe('the logits, directly');
  });
});

describe('estimates', () => {
  const tl = made({
    request: { ...made({}).request, kind: 'attribution' },
    scores: [{ ...stream, values: [20, 0, 2, 16], effects: undefined }],
    measured: [{ place: 'blocks.0.hook_resid_pre, position 0', estimate: 20, measured: 10 }],
    correlation: 0.5,
  });

  it('are drawn as the share of the difference that they predict', () => {
    expect([...gridsOf(tl)[0].shares]).toEqual([0.1, 0.8, 1, 0]);
    expect([...gridsOf(tl)[0].values]).toEqual([-10, 4, 8, -12]);
    expect(patchTitle(tl, gridsOf(tl))).toMatch(/^By the estimate: what makes the answer sits on/);
    expect(patchSays(tl, gridsOf(tl))[0]).toContain('is estimated to bring back most at layer 0');
    expect(measuredShares(tl)).toEqual([{ place: 'blocks.0.hook_resid_pre, position 0', estimate: 1, measured: 0.5 }]);
  });

  it('of noising are changes of the clean run', () => {
    const eap = { ...tl, request: { ...tl.request, convention: 'eap' as const } };
    const noised = { ...eap, scores: [{ ...stream, values: [-20, 0, -2, -16], effects: undefined }] };
    expect(directionOf(noised.request)).toBe('noise');
    expect([...gridsOf(noised)[0].shares]).toEqual([0.1, 0.8, 1, 0].map((v) => expect.closeTo(v, 12)));
    expect(measuredShares(noised)[0].estimate).toBe(-1);
  });
});

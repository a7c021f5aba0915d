import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import type { DecoderSpec } from '../src/api/types';
import { FORWARD, lineOf, methodOf, STEPS, stepOf, type Part } from '../src/chapters/forward';
import { keyOf, kvHead, noteOf, otherField, readsOf, type At } from '../src/chapters/forward-values';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const core = 'inspector-core/src';
const source = readFileSync(join(root, FORWARD), 'utf8');
const points = new Map(
  [
    ...readFileSync(join(root, core, 'main/java/org/llminspector/hook/HookPoint.java'), 'utf8').matchAll(
      /^ {4}([A-Z][A-Z\d_]*)\(\s*"([^"]+)"/gm,
    ),
  ].map(([, point, template]) => [point, template.replace('blocks.{i}.', '')]),
);

describe('the table of steps', () => {
  for (const step of STEPS) {
    it(`names ${step.method}, a method of Forward.java, and each shown line in it once`, () => {
      const method = methodOf(source, step.method)!;
      expect(method).not.toBeNull();
      expect(method.lines.at(-1)).toBe('}');
      expect(method.lines[0]).toMatch(/^\/\*\* /);
      expect(source.split('\n')[method.first - 1].trim()).toBe(method.lines[0]);
      for (const shown of step.shows) {
        expect(
          method.lines.filter((l) => l.includes(shown.line)),
          shown.line,
        ).toHaveLength(1);
        expect(method.lines[lineOf(method, shown)]).toContain(shown.line);
      }
      for (const name of step.calls) expect(methodOf(source, name), name).not.toBeNull();
    });
  }

  it('has every hook that Forward.java names, and no other', () => {
    expect(points.size).toBeGreaterThan(40);
    const inSource = [...source.matchAll(/\b[A-Z][A-Z\d]*_[A-Z\d_]+\b|(?<=see\()[A-Z]+\b/g)].map(([p]) =>
      points.get(p),
    );
    const named = new Set(inSource.filter((hook) => hook !== undefined));
    expect(new Set(STEPS.flatMap((s) => s.shows.map((shown) => shown.hook)))).toEqual(named);
    expect(named.size).toBeGreaterThan(20);
  });

  it('finds no method that is not there', () => {
    expect(methodOf(source, 'nowhere')).toBeNull();
    expect(stepOf('nowhere')).toBeNull();
    expect(stepOf('scores')?.shows.length).toBeGreaterThan(2);
  });

  it('is in the order of the file', () => {
    const firsts = STEPS.map((s) => methodOf(source, s.method)!.first);
    expect(firsts).toEqual([...firsts].sort((a, b) => a - b));
  });
});

describe('a model of another shape', () => {
  const specs = JSON.parse(readFileSync(join(root, core, 'test/resources/llama-specs.json'), 'utf8')) as {
    field: string;
    spec: DecoderSpec;
  }[];

  it('is told by the field that LlamaSpec.java names', () => {
    expect(specs.length).toBeGreaterThan(9);
    expect(specs.map(({ spec }) => otherField(spec) ?? '')).toEqual(specs.map(({ field }) => field));
  });

  it('is told by a field that is new', () => {
    const llama = specs.find(({ field }) => field === '')!.spec;
    expect(otherField({ ...llama, echo: 2 } as DecoderSpec)).toBe('echo');
    const [first, ...others] = llama.layers;
    const window = { ...first, attention: { ...first.attention!, window: 4 } };
    expect(otherField({ ...llama, layers: [window, ...others] })).toBeNull();
  });
});

describe('the notes of a line', () => {
  const at: At = { i: 2, l: 1, h: 3, g: 1 };
  const pattern = 'blocks.1.attn.hook_pattern{"query":2,"head":3}';
  const shown = (hook: string, part: Part, name = 'x[{i}][{j}]') => ({ line: '', hook, part, name });
  const of = (values: Record<string, number[]>) =>
    new Map(Object.entries(values).map(([key, x]) => [key, Float32Array.from(x)]));

  it('are read at the chosen position, layer and heads, each capture once', () => {
    expect(readsOf(stepOf('weightedSum')!, at).map(keyOf)).toEqual([
      'blocks.1.attn.hook_v{"head":1}',
      pattern,
      'blocks.1.attn.hook_z{"pos":2,"head":3}',
    ]);
    expect(readsOf(stepOf('embed')!, at)).toEqual([{ hook: 'hook_embed', slice: { pos: 2 } }]);
    expect([0, 1, 2, 3].map((h) => kvHead(4, 2, h))).toEqual([0, 0, 1, 1]);
  });

  it('have a row’s highest entries, without what the query may not see', () => {
    const values = of({ 'blocks.1.attn.hook_attn_scores{"query":2,"head":3}': [-Infinity, 1, 3, -Infinity] });
    const note = noteOf(shown('attn.hook_attn_scores', 'row', 's[{h}][{i}]'), at, values);
    expect(note).toMatchObject({ kind: 'keys', name: 's[3][2]', others: 0 });
    expect(note.kind === 'keys' && note.cells).toEqual([
      { at: 2, value: 3 },
      { at: 1, value: 1 },
    ]);
    const total = noteOf(shown('attn.hook_attn_scores', 'total'), at, values);
    expect(total.kind === 'number' && total.value).toBeCloseTo(1 + Math.exp(-2), 6);
  });

  it('have the key with the most weight', () => {
    const values = of({ [pattern]: [0.1, 0.7, 0.2, 0], 'blocks.1.attn.hook_v{"head":1}': [1, 2, 3, 4, 5, 6, 7, 8] });
    const note = noteOf(shown('attn.hook_v', 'key'), at, values);
    expect(note).toMatchObject({ kind: 'vector', name: 'x[2][1]', from: [3, 4], size: 2, length: 5 });
  });

  it('have a neuron and a pair', () => {
    const mlp = of({
      'blocks.1.mlp.hook_post{"pos":2}': [1, -4, 2],
      'blocks.1.mlp.hook_pre{"pos":2}': [5, 6, 7],
      'blocks.1.attn.hook_q{"pos":2,"head":3}': [1, 2, 3, 4],
    });
    expect(noteOf(shown('mlp.hook_pre', 'neuron', 'n[{c}]'), at, mlp)).toMatchObject({ name: 'n[1]', value: 6 });
    expect(noteOf(shown('attn.hook_q', 'pair'), at, mlp)).toMatchObject({ kind: 'vector', from: [1, 3], size: 2 });
  });

  it('say what a run does not have', () => {
    expect(noteOf(shown('attn.hook_v', 'key'), at, of({})).kind).toBe('missing');
  });
});

import { describe, expect, it } from 'vitest';
import { slicedTensor } from '../src/api/tensor';
import { changeName, changeWords } from '../src/kit/data/changes';
import { softmax } from '../src/kit/data/math/distribution';
import { movement, relativeDistance } from '../src/kit/data/math/moved';
import { choice, flag, real, text, textsOf, valuesOf, whole } from '../src/state/params';
import { recordingOf } from '../src/state/scene';

describe('a chapter’s own names in the URL', () => {
  const params = {
    mode: choice('scores', 'weights'),
    pair: whole(),
    zoom: real(1, 0.5, 8),
    other: text(),
    all: flag(),
  };

  it('write what was chosen and read it again', () => {
    const values = { mode: 'weights' as const, pair: 0, zoom: 2.5, other: '20261125-003512-417-a1b2c3', all: true };
    expect(valuesOf(params, textsOf(params, values))).toEqual(values);
  });

  it('never write a default, and take nonsense for one', () => {
    const defaults = { mode: 'scores', pair: null, zoom: 1, other: null, all: false };
    expect(valuesOf(params, {})).toEqual(defaults);
    expect(textsOf(params, valuesOf(params, {}))).toEqual({});
    expect(valuesOf(params, { mode: 'upside', pair: '-1', zoom: '9' })).toEqual(defaults);
  });
});

describe('what a change moved', () => {
  const before = Float32Array.of(2, 1, 0, -1);
  const after = Float32Array.of(0, 1, 0, 3);

  it('is each token’s probability in both, the farthest first', () => {
    const [p, q] = [softmax(before), softmax(after)];
    const { rows, first, then, kl, share } = movement(before, after, 2);
    expect(rows.map((r) => r.id)).toEqual([3, 0]);
    expect(rows[0]).toEqual({ id: 3, before: p[3], after: q[3] });
    expect([first.id, then.id]).toEqual([0, 3]);
    expect(first).toEqual({ id: 0, before: p[0], after: q[0] });
    expect(kl).toBeCloseTo(
      Array.from(p).reduce((s, x, i) => s + x * Math.log(x / q[i]), 0),
      12,
    );
    expect(share).toBeCloseTo(Array.from(p).reduce((s, x, i) => s + Math.abs(x - q[i]), 0) / 2, 12);
  });

  it('is nothing when nothing changed', () => {
    expect(movement(before, before, 1)).toMatchObject({ kl: 0, share: 0 });
    expect(relativeDistance(before, before)).toBe(0);
    expect(relativeDistance(Float32Array.of(3, 4), Float32Array.of(0, 0))).toBe(1);
  });

  it('is said in words and in the line under a figure', () => {
    const head = { hook: 'blocks.3.attn.hook_z', op: 'zero' as const, heads: [2] };
    expect(changeName(head)).toBe('zero blocks.3.attn.hook_z, head 2');
    expect(changeWords(head)).toBe('layer 3, head 2 silenced');
    const edge = { hook: 'blocks.1.attn.hook_attn_scores', op: 'mask' as const, heads: [0], positions: [7], keys: [3] };
    expect(changeWords(edge)).toBe('layer 1, head 0: position 7 may not read position 3');
    const expert = { hook: 'blocks.2.mlp.hook_expert_gates', op: 'zero' as const, features: [5] };
    expect(changeWords(expert)).toBe('layer 2: expert 5 silenced');
    const avoided = { hook: 'blocks.2.mlp.hook_router_logits', op: 'mask' as const, features: [5] };
    expect(changeWords(avoided)).toBe('layer 2: nothing sent to expert 5');
  });
});

describe('a recording', () => {
  it('is cut as the server cuts', () => {
    const data = Float32Array.from({ length: 24 }, (_, i) => i);
    const t = { name: 'x', shape: [1, 2, 3, 4], data };
    const axes = ['batch', 'head', 'query', 'key'];
    expect(slicedTensor(t, axes, {})).toEqual(t);
    expect(slicedTensor(t, axes, { head: 1, query: -1, key: '1:3' })).toEqual({
      name: 'x',
      shape: [1, 1, 1, 2],
      data: Float32Array.of(21, 22),
    });
    expect(slicedTensor(t, axes, { feature: 1 })).toEqual(slicedTensor(t, axes, { key: 1 }));
    expect([...slicedTensor(t, axes, { query: '1:' }).data]).toEqual([...data.subarray(4, 12), ...data.subarray(16)]);
  });

  it('is what lies in its folder, or nothing', () => {
    expect(recordingOf({})).toBeUndefined();
    const files = { './recording/run.json': '/a/run.json', './recording/logits.safetensors.gz': '/a/logits.gz' };
    expect(recordingOf(files)).toMatchObject({
      run: '/a/run.json',
      tensors: { 'logits.safetensors.gz': '/a/logits.gz' },
    });
  });
});

import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { joined } from '../src/api/lesson';
import { parseSafetensors, slicedTensor } from '../src/api/tensor';
import type { Lens, Norms, RunManifest } from '../src/api/types';
import { mostAdded, settledAt, stepsOf, strongestLook } from '../src/views/trace/walk';

/** The walk of the trace's recorded run, against the run's own numbers taken another way. */
const here = new URL('../src/views/trace/recording/', import.meta.url);
const run = JSON.parse(readFileSync(new URL('run.json', here), 'utf8')) as {
  manifest: RunManifest;
  lens: Lens;
  norms: Norms;
};
const m = run.manifest;
const packed = gunzipSync(readFileSync(new URL('hook_pattern.safetensors.gz', here)));
const patterns = parseSafetensors(
  joined(packed.buffer.slice(packed.byteOffset, packed.byteOffset + packed.length) as ArrayBuffer),
);
const axes = m.captures.find((c) => c.hook.endsWith('hook_pattern'))!.axes;
const pos = m.prompt_length - 1;
const rowOf = (layer: number, query: number) =>
  slicedTensor(patterns.get(`blocks.${layer}.attn.hook_pattern`)!, axes, { query }).data;

describe('one token’s walk', () => {
  it('names the largest weight on another token, of all heads', () => {
    for (let layer = 0; layer < m.model.n_layers; layer++) {
      const look = strongestLook(rowOf(layer, pos), m.model, pos)!;
      const all = patterns.get(`blocks.${layer}.attn.hook_pattern`)!;
      const [, heads, queries, keys] = all.shape;
      let most = 0;
      for (let h = 0; h < heads; h++)
        for (let k = 1; k < pos; k++) most = Math.max(most, all.data[(h * queries + pos) * keys + k]);
      expect(look.weight).toBe(most);
      expect(all.data[(look.head * queries + pos) * keys + look.key]).toBe(most);
    }
  });

  it('has no earlier token to look at for the first token, and the first for the second', () => {
    expect(strongestLook(rowOf(0, 0), m.model, 0)).toBeNull();
    expect(strongestLook(rowOf(0, 1), m.model, 1)?.key).toBe(0);
  });

  it('takes lengths and guesses of the same position', () => {
    const steps = stepsOf(m, 3, null, run.norms, run.lens);
    expect(steps).toHaveLength(m.model.n_layers);
    expect(steps[2].mlp).toBe(run.norms.rows.find((r) => r.hook === 'blocks.2.hook_mlp_out')!.norms[3]);
    expect(steps.at(-1)!.says).toEqual(run.lens.rows.at(-1)!.cells[3].top[0]);
    expect(stepsOf(m, 3, null, null, null)[0]).toEqual({
      layer: 0,
      look: null,
      mixes: 0,
      recurrence: null,
      attention: null,
      mlp: null,
      stream: null,
      says: null,
    });
  });

  it('knows from where on the answer stays', () => {
    const steps = stepsOf(m, pos, null, run.norms, run.lens);
    const at = settledAt(steps)!;
    const last = steps.at(-1)!.says!.id;
    expect(steps.slice(at).every((s) => s.says!.id === last)).toBe(true);
    expect(at === 0 || steps[at - 1].says!.id !== last).toBe(true);
    expect(settledAt(stepsOf(m, pos, null, run.norms, null))).toBeNull();
  });

  it('finds the layer that adds most beside its stream', () => {
    const steps = stepsOf(m, pos, null, run.norms, null);
    const most = mostAdded(steps, 'attention')!;
    for (const s of steps) expect(s.attention! / s.stream!).toBeLessThanOrEqual(most.attention! / most.stream!);
  });
});

import { readFileSync, statSync } from 'node:fs';
import { gunzipSync, gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { joined } from '../src/api/lesson';
import { parseSafetensors, type Tensor } from '../src/api/tensor';
import { kvBytesPerLayer } from '../src/views/trace/continuation';
import { streamNorms } from '../src/views/trace/norms';
import { queryRow } from '../src/views/trace/attention';
import { byRank, softmax, total } from '../src/kit/data/math/distribution';
import { TRACE } from '../src/views/trace/scene';
import type { GeneratedToken, KvCache, Lens, Norms, RunManifest } from '../src/api/types';

/** The trace's recorded run is real: the page's own arithmetic on its raw numbers gives what the server said. */
const here = new URL('../src/views/trace/recording/', import.meta.url);
const run = JSON.parse(readFileSync(new URL('run.json', here), 'utf8')) as {
  manifest: RunManifest;
  kv_steps: KvCache[];
  lens: Lens;
  norms: Norms;
  vocabulary: string[];
  files: Record<string, string>;
};
const files = [...new Set(Object.values(run.files))];
const tensors = new Map(
  files.flatMap((name) => {
    const bytes = gunzipSync(readFileSync(new URL(name, here)));
    const file = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length) as ArrayBuffer;
    return [...parseSafetensors(joined(file))];
  }),
);
const { manifest } = run;
const logits = tensors.get('logits') as Tensor;
const at = (pos: number) => logits.data.subarray(pos * manifest.model.vocab, (pos + 1) * manifest.model.vocab);
const steps = manifest.generation?.steps as GeneratedToken[];

describe('the recorded run', () => {
  it('is small enough for a first paint, and its tensors come when drawn', () => {
    expect(gzipSync(JSON.stringify(run)).length).toBeLessThan(64 * 1024);
    for (const name of files) expect(statSync(new URL(name, here)).size).toBeLessThan(256 * 1024);
  });

  it('is of the prompt that stands in the bar', () => {
    expect(manifest.prompt).toBe(TRACE.examples[0].prompt);
  });

  it('says in which file each of its tensors is', () => {
    expect([...tensors.keys()].sort()).toEqual(Object.keys(run.files).sort());
  });

  it('has the probabilities that its logits give', () => {
    for (const step of steps) {
      const p = softmax(at(step.position - 1));
      expect(p[step.token.id]).toBeCloseTo(step.prob, 5);
      for (const a of step.alternatives) expect(p[a.id]).toBeCloseTo(a.prob, 5);
    }
  });

  it('picked the most probable token at every step', () => {
    for (const step of steps) expect(byRank(at(step.position - 1))[0]).toBe(step.token.id);
  });

  it('has attention rows that add to one and do not look ahead', () => {
    for (let layer = 0; layer < manifest.model.n_layers; layer++) {
      const pattern = tensors.get(`blocks.${layer}.attn.hook_pattern`) as Tensor;
      const [, heads, queries, keys] = pattern.shape;
      for (let h = 0; h < heads; h++) {
        for (let q = 0; q < queries; q++) {
          expect(total(queryRow(pattern, h, q))).toBeCloseTo(1, 4);
          const whole = pattern.data.subarray((h * queries + q) * keys, (h * queries + q + 1) * keys);
          expect(total(whole.subarray(q + 1))).toBe(0);
        }
      }
    }
  });

  it('has a lens whose last row is the output', () => {
    for (const cell of run.lens.rows.at(-1)?.cells ?? []) {
      const p = softmax(at(cell.pos));
      expect(cell.top[0].prob).toBeCloseTo(p[byRank(at(cell.pos))[0]], 5);
      expect(cell.kl_to_final).toBeCloseTo(0, 5);
      expect(cell.final_token_rank).toBe(0);
    }
  });

  it('has a station before, between and after its blocks', () => {
    const { stations, added } = streamNorms(run.norms);
    expect(stations).toHaveLength(2 * manifest.model.n_layers + 1);
    expect(added).toHaveLength(2 * manifest.model.n_layers);
    expect(stations.at(-1)?.hook).toBe(`blocks.${manifest.model.n_layers - 1}.hook_resid_post`);
  });

  it('has a cache that grows by the formula', () => {
    expect(run.kv_steps.length).toBe(steps.length + 1);
    for (const kv of run.kv_steps) {
      for (const b of kv.layers) expect(b).toBe(kvBytesPerLayer(manifest.model, kv.positions, kv.dtype));
      expect(total(kv.layers)).toBe(kv.bytes);
    }
  });

  it('knows its whole vocabulary', () => {
    expect(run.vocabulary).toHaveLength(manifest.model.vocab);
  });
});

import type { ModelSizes, QuantizationReport, WeightStatistics } from '../../src/api/types';
import type { Continuations, RunManifest } from '../../src/api/types';
import type { APIRequestContext } from '@playwright/test';
import { expect } from '../support';
import { numbersIn, rest, tellMe, type Sentence } from '../sentence';

const GIB = 2 ** 30;

async function worst(request: APIRequestContext, run: RunManifest, scheme: string) {
  const at = `/models/${run.model.slug}`;
  const report = await rest<QuantizationReport>(request, `${at}/quantization?scheme=int4-g32`);
  const name = report.weights.find((w) => w.quantized && w.name.startsWith('blocks.'))!.name;
  const all = await rest<WeightStatistics>(request, `${at}/tensors/${name}/statistics?scheme=${scheme}`);
  return { name, is: all.schemes[0] };
}

async function writes(request: APIRequestContext, run: RunManifest, bits: number | null): Promise<number[]> {
  const plan = bits === null ? {} : { precision_plan: { simulate: [{ modules: '*', scheme: `int${bits}-g32` }] } };
  const tokens = run.tokens.slice(0, run.prompt_length).map((t) => t.id);
  const asked = { model: run.model.slug, engine: 'torch', tokens, ...plan };
  const body = { request: { ...asked, generate: { max_new_tokens: 24, greedy: true } }, n: 1 };
  return (await rest<Continuations>(request, '/continuations', body)).continuations[0].tokens.map((t) => t.id);
}

const sentences: Sentence[] = [
  {
    says: 'weights',
    holds: async (text, { run, request }) => {
      const { parameters } = await rest<ModelSizes>(request, `/models/${run.model.slug}/sizes?scheme=int4-g32`);
      expect(numbersIn(text)).toEqual([parameters]);
    },
  },
  {
    // By the published shape, written out here by hand; this model's own sizes hold the same formula (eight.test.ts).
    says: 'eight',
    holds: async (text) => {
      const [bits, taken, , memory] = numbersIn(text);
      const tables = 2 * 128_256 * 4096;
      const block = 2 * 4096 * 4096 + 2 * 1024 * 4096 + 3 * 14_336 * 4096;
      const inMatrices = tables + 32 * block;
      const inNorms = 65 * 4096;
      const is = (inMatrices * (bits + 1)) / 8 + 2 * inNorms; // a float32 scale for 32 weights is one bit more
      expect(taken).toBeCloseTo(is / GIB, 1);
      expect(memory * GIB).toBeGreaterThanOrEqual(is);
      expect(text).toContain(`in place of ${((2 * (inMatrices + inNorms)) / GIB).toFixed(1)}`);
    },
  },
  {
    says: 'loss',
    holds: async (text, { run, request }) => {
      const scheme = /int\d-g32/.exec(text)![0];
      const { name, is } = await worst(request, run, scheme);
      expect(text).toContain(name.replace('.weight', ''));
      expect(text).toContain(`${is.error!.sqnr_db!.toFixed(1)}`);
      expect(text).toContain(`${is.codes!.length} of `);
    },
  },
  {
    says: 'kept',
    holds: async (text, { run, request }) => {
      const { is } = await worst(request, run, 'int4-g32');
      expect(numbersIn(text).slice(0, 2)).toEqual([4, Number(is.error!.sqnr_db!.toFixed(1))]);
    },
  },
  {
    says: 'changed',
    open: tellMe,
    holds: async (text, { run, request }) => {
      const asItIs = await writes(request, run, null);
      let most = 0;
      for (let bits = 8; bits >= 2 && most === 0; bits--) {
        if ((await writes(request, run, bits)).join() !== asItIs.join()) most = bits;
      }
      if (most === 0) expect(text).toContain('at every number of bits');
      else expect(text).toContain(`${most} bits`);
    },
  },
  {
    says: 'outlier',
    open: (page) => page.getByTestId('figure-fewer').getByText('Outliers', { exact: true }).click(),
    holds: async (text, { run, request }) => {
      let best = { channel: -1, layer: -1, ratio: 0 };
      for (let layer = 0; layer < run.model.n_layers; layer++) {
        for (const hook of ['hook_resid_post', 'mlp.hook_post']) {
          const path = `/runs/${run.id}/captures/blocks.${layer}.${hook}/statistics?scheme=bf16`;
          const top = (await rest<WeightStatistics>(request, path)).columns.largest[0];
          const ratio = top.ratio ?? 0;
          if (ratio > best.ratio) best = { channel: top.index, layer, ratio };
        }
      }
      expect(numbersIn(text)).toEqual([best.channel, best.layer, Number(best.ratio.toFixed(1))]);
    },
  },
];
export default sentences;

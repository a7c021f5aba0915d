/** The requests of chapter 15, shared by the page and its recording. */
import { tensorPath } from '../../api/client';
import type {
  Block,
  Continuations,
  ModelSizes,
  PrecisionPlan,
  QuantizationReport,
  QuantizedJson,
  RunManifest,
  WeightStatistics,
} from '../../api/types';
import type { Ask } from '../../state/scene';

type Get<A> = Ask<null, A>;

export const MOST_BITS = 8;
export const LEAST_BITS = 2;
/** 8 to 2. */
export const ALL_BITS = Array.from({ length: MOST_BITS - LEAST_BITS + 1 }, (_, i) => MOST_BITS - i);
/** Weights of a row that share a scale, where groups do. */
export const GROUP = 32;
/** Rows that are shown at once. */
const ROWS = 10;
/** New tokens that are written at each number of bits. */
const NEW_TOKENS = 24;

export type Share = 'group' | 'channel' | 'tensor';
export interface How {
  bits: number;
  share: Share;
  zero: boolean;
}

/** The scheme's name as the server has it: int3-g32, int8-channel-asym. */
export function schemeName({ bits, share, zero }: How): string {
  return `int${bits}-${share === 'group' ? `g${GROUP}` : share}${zero ? '-asym' : ''}`;
}

/** The same bits in other ways, the coarsest first. */
export function sameBits(bits: number): string[] {
  const all = ['tensor', 'tensor-asym', 'channel', 'g128', `g${GROUP}`, `g${GROUP}-asym`].map((s) => `int${bits}-${s}`);
  return bits === 4 ? [...all, 'nf4'] : all;
}

/** By this scheme the matrix is chosen that is shown first. */
export const REPORTED = schemeName({ bits: 4, share: 'group', zero: false });

const schemesOf = (names: string[]) => names.map((n) => `scheme=${n}`).join('&');

export const reportOf = (slug: string): Get<QuantizationReport> => ({
  path: `/models/${encodeURIComponent(slug)}/quantization?scheme=${REPORTED}`,
  body: null,
});

export const modelSizes = (slug: string, schemes: string[]): Get<ModelSizes> => ({
  path: `/models/${encodeURIComponent(slug)}/sizes?${schemesOf(schemes)}`,
  body: null,
});

export const statisticsOf = (slug: string, weight: string, schemes: string[]): Get<WeightStatistics> => ({
  path: `${tensorPath(slug, weight)}/statistics?${schemesOf(schemes)}`,
  body: null,
});

/** Rows and columns around a weight: its group, in the rows about it. */
export interface Window {
  rows: [number, number];
  cols: [number, number];
}

export function windowAround(shape: number[], output: number, input: number): Window {
  const [height, width] = shape;
  const top = Math.max(0, Math.min(output - ROWS / 2, height - ROWS));
  const left = Math.floor(input / GROUP) * GROUP;
  return { rows: [top, Math.min(height, top + ROWS)], cols: [left, Math.min(width, left + GROUP)] };
}

export const sliceOf = (slug: string, weight: string, scheme: string, w: Window): Get<QuantizedJson> => ({
  path: `${tensorPath(slug, weight)}?scheme=${scheme}&rows=${w.rows.join(':')}&cols=${w.cols.join(':')}`,
  body: null,
});

export const blockOf = (slug: string, tensor: string, row: number, col: number): Get<Block> => ({
  path: `${tensorPath(slug, tensor)}/block?row=${row}&col=${col}`,
  body: null,
});

/** The plan under which every matrix is decoded from a scheme. */
export const planOf = (scheme: string): PrecisionPlan => ({ simulate: [{ modules: '*', scheme }] });

/** What the model writes after the run's prompt with all its matrices decoded from a scheme; null: as the file has them. */
export function writes(m: RunManifest, scheme: string | null): Ask<object, Continuations> {
  const request = {
    model: m.model.slug,
    engine: 'torch',
    tokens: m.tokens.slice(0, m.prompt_length).map((t) => t.id),
    ...(scheme === null ? {} : { precision_plan: planOf(scheme) }),
    generate: { max_new_tokens: NEW_TOKENS, greedy: true },
  };
  return { path: '/continuations', body: { request, n: 1 } };
}

/** The layers' values whose channels are looked at: the stream, and what the second matrix of the feed-forward part reads. */
export const POINTS = [
  ['hook_resid_post', 'the stream after the layer'],
  ['mlp.hook_post', 'what the feed-forward part’s last matrix reads'],
] as const;

/** A scale for the whole, and one per token. */
const CODED = ['int8-tensor', 'int8-channel'];
/** Two schemes of many codes are told of the value that stands out most alone; of the others, how they are spread. */
const SPREAD = ['bf16'];

export const valuesOf = (run: string, hook: string, coded = false): Get<WeightStatistics> => ({
  path: `/runs/${encodeURIComponent(run)}/captures/${encodeURIComponent(hook)}/statistics?${schemesOf(coded ? CODED : SPREAD)}`,
  body: null,
});

/** How far the largest channel stands out, in medians. */
export const standsOut = (s: WeightStatistics): number => s.columns.largest[0]?.ratio ?? 0;

/** Values of a layer and what their channels are like. */
export interface Values {
  hook: string;
  says: string;
  layer: number;
  statistics: WeightStatistics;
}

/** Every layer's values at these points, and what 8 bits make of those whose channels stand out most. */
export async function outliers(
  run: string,
  layers: number,
  points: readonly (readonly [string, string])[],
  answer: <A>(ask: Ask<object | null, A>) => Promise<A>,
): Promise<{ all: Values[]; worst: Values; coded: WeightStatistics } | null> {
  const all = await Promise.all(
    points.flatMap(([point, says]) =>
      Array.from({ length: layers }, async (_, layer) => {
        const hook = `blocks.${layer}.${point}`;
        return { hook, says, layer, statistics: await answer(valuesOf(run, hook)) };
      }),
    ),
  );
  if (all.length === 0) return null;
  const worst = all.reduce((a, b) => (standsOut(b.statistics) > standsOut(a.statistics) ? b : a));
  return { all, worst, coded: await answer(valuesOf(run, worst.hook, true)) };
}

/** The matrix that loses most, of those in the blocks; where the report lists the largest loss first. */
export function worstOf(report: QuantizationReport): QuantizationReport['weights'][number] | null {
  return report.weights.find((w) => w.quantized && w.name.startsWith('blocks.')) ?? report.weights[0] ?? null;
}

/** Where the largest weight of a matrix lies: the channels with the largest values cross there. */
export function largestOf(s: WeightStatistics): [output: number, input: number] {
  return [s.rows.largest[0]?.index ?? 0, s.columns.largest[0]?.index ?? 0];
}

/** Schemes whose errors one matrix is asked for: every number of bits in one way, and what shares a scale at each. */
export function schemesFor(share: Share, zero: boolean): string[] {
  return ALL_BITS.map((bits) => schemeName({ bits, share, zero }));
}

export const SHARES: Share[] = ['tensor', 'channel', 'group'];

/** What the first example's recording holds of the server's answers. */
export async function asks(m: RunManifest, answer: <A>(ask: Ask<object | null, A>) => Promise<A>): Promise<Ask[]> {
  const { slug } = m.model;
  const worst = worstOf(await answer(reportOf(slug)));
  if (!worst) return [];
  const all = schemesFor('group', false);
  const statistics = await answer(statisticsOf(slug, worst.name, all));
  const around = windowAround(worst.shape, ...largestOf(statistics));
  const more = sameBits(4);
  await outliers(m.id, m.model.n_layers, POINTS, answer);
  return [
    modelSizes(slug, [...all, 'fp16']),
    writes(m, null),
    ...all.map((scheme) => writes(m, scheme)),
    ...all.map((scheme) => sliceOf(slug, worst.name, scheme, around)),
    ...SHARES.flatMap((share) =>
      [false, true].map((zero) => sliceOf(slug, worst.name, schemeName({ bits: 4, share, zero }), around)),
    ),
    statisticsOf(slug, worst.name, more),
    modelSizes(slug, more),
    ...more.map((scheme) => writes(m, scheme)),
  ];
}

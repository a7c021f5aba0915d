/** The requests of chapter 14, shared by the page and its recording. */
import type {
  Benchmark,
  BenchmarkRequest,
  ComparisonManifest,
  ComparisonRequest,
  CostRequest,
  KvFormat,
  KvFormats,
  PassCost,
  RunManifest,
  RunRequest,
  Timeline,
  TimelineRequest,
} from '../../api/types';
import type { Ask } from '../../state/scene';

export type CostAsk = Ask<CostRequest, PassCost>;
export type TimelineAsk = Ask<TimelineRequest, Timeline>;
export type BenchmarkAsk = Ask<BenchmarkRequest, Benchmark>;
export type RoundedAsk = Ask<ComparisonRequest, ComparisonManifest>;

/** Tokens that a benchmark makes after each prompt. */
export const NEW_TOKENS = 16;
/** Tokens whose parts are timed. */
const TIMED = 16;
/** How many lengths the slider has. */
const STOPS = 26;
/** A longer prompt than this is not timed without being asked for. */
const MEASURED = 1024;

/** How the run ran: engine, device and number formats. */
function how(m: RunManifest): RunRequest {
  return {
    model: m.model.slug,
    engine: m.engine.name,
    device: m.engine.device,
    precision: m.request.precision,
    precision_plan: m.request.precision_plan,
  };
}

const prompt = (m: RunManifest): number[] => m.tokens.slice(0, m.prompt_length).map((t) => t.id);

/** Lengths from a few tokens to all that the model reads, evenly by their logarithm, with this one among them. */
export function lengths(most: number, own: number): number[] {
  const first = Math.min(8, most);
  const steps = Array.from({ length: STOPS }, (_, i) => Math.round(first * (most / first) ** (i / (STOPS - 1))));
  return [...new Set([...steps, Math.min(own, most)])].sort((a, b) => a - b);
}

/** Lengths that are timed: powers of four, and the longest that leaves room for the tokens after it. */
export function measured(most: number): number[] {
  const last = Math.max(1, Math.min(most - NEW_TOKENS, MEASURED));
  const all = [16, 64, 256, 1024].filter((n) => n < last * 0.8);
  return [...all, last];
}

/** What keys and values of these formats take, and what a token's work does, at the end of this run. */
export function costOf(m: RunManifest, kv: KvFormats): CostAsk {
  const held = Math.min(m.kv_cache.positions, m.model.max_context);
  return {
    path: '/cost',
    body: {
      request: { ...how(m), kv_cache: kv },
      past: held - 1,
      tokens: 1,
      contexts: lengths(m.model.max_context, held),
    },
  };
}

/** An exported graph keeps what it was exported with. */
export function costOfOwn(m: RunManifest): CostAsk {
  const ask = costOf(m, {});
  return { path: ask.path, body: { ...ask.body, request: how(m) } };
}

/** Parts can be timed on torch alone. */
export function timelineOf(m: RunManifest): TimelineAsk {
  const torch = m.engine.name === 'torch';
  const request: RunRequest = torch
    ? { ...how(m), kv_cache: m.request.kv_cache }
    : { model: m.model.slug, engine: 'torch' };
  const repeats = Math.max(1, Math.min(TIMED, m.model.max_context - 1));
  const most = m.model.max_context - repeats;
  return {
    path: '/timeline',
    body: { request: { ...request, tokens: prompt(m).slice(0, Math.max(1, most)) }, repeats },
  };
}

export function benchmarkOf(m: RunManifest): BenchmarkAsk {
  return {
    path: '/benchmarks',
    body: {
      request: { ...how(m), kv_cache: m.request.kv_cache, tokens: prompt(m) },
      contexts: measured(m.model.max_context),
      new_tokens: NEW_TOKENS,
    },
  };
}

/** A cache rounded so, against one in 16 bits, over this prompt. */
export function roundedOf(m: RunManifest, key: KvFormat, value: KvFormat): RoundedAsk {
  const side = (kv: KvFormats): RunRequest => ({ ...how(m), kv_cache: kv });
  return {
    path: '/comparisons',
    whole: true,
    body: {
      a: { ...side({ key: 'fp16', value: 'fp16' }), tokens: m.tokens.slice(0, m.kv_cache.positions).map((t) => t.id) },
      b: side({ key, value }),
      options: { hooks: [], cost: false },
    },
  };
}

/** Keys alone in 8 bits, values alone, both. */
export const ROUNDED: [name: string, key: KvFormat, value: KvFormat][] = [
  ['keys in 8 bits', 'int8', 'fp16'],
  ['values in 8 bits', 'fp16', 'int8'],
  ['both in 8 bits', 'int8', 'int8'],
];

/** What the first example's recording holds of the server's answers. */
export function asks(m: RunManifest): Ask[] {
  const kinds: KvFormat[] = ['fp32', 'fp16', 'int8'];
  return [
    benchmarkOf(m),
    timelineOf(m),
    ...kinds.flatMap((key) => kinds.map((value) => costOf(m, { key, value }))),
    ...ROUNDED.map(([, key, value]) => roundedOf(m, key, value)),
  ];
}

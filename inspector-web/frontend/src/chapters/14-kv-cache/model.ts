/** What chapter 14 may run of a model without asking, and its cache in sizes. Pure. */
import type { BenchmarkPoint, PassCost, RunManifest } from '../../api/types';
import { bytes, count, duration, plural, ranged } from '../../kit/text/format';
import type { Sizes } from '../chapter';
import { KINDS, ofHeads, statesOf, type Kind } from './costs';

/** Parameters below which a model may be run a few hundred times without asking. */
const SMALL = 30e6;

/** Whether a model is small enough to be measured without asking; one whose parameters are not known is not. */
export const measuredAtOnce = (parameters: number | undefined): boolean => (parameters ?? Infinity) < SMALL;

/** Tokens that are written where the run wrote none. */
const WRITTEN = 24;

/**
 * The prompt's length and the tokens after it whose work is counted: what the reader chose, else the run's own. Together
 * they fit the context.
 */
export function lengthsOf(
  m: RunManifest,
  before: number | null,
  made: number | null,
): { before: number; made: number } {
  const most = m.model.max_context;
  const first = Math.max(1, Math.min(before ?? m.prompt_length, most));
  const own = m.tokens.length - m.prompt_length;
  return { before: first, made: Math.max(1, Math.min(made ?? (own > 1 ? own : WRITTEN), most - first + 1)) };
}

/** A kind of work in words; nothing for none. */
export const kindName = (kind: Kind | null): string => KINDS.find(([k]) => k === kind)?.[1] ?? '';

/** What a cache takes: bytes per token, of a full context, and of the convolutions, which keep no keys and values. */
export interface CacheSizes {
  /** The first layer that has heads. */
  layer: ReturnType<typeof ofHeads>;
  /** Layers that keep no keys and values: with a short convolution or a recurrence in the place of attention. */
  convolutions: PassCost['cache'];
  /** Bytes that the convolutions keep, however long the text is. */
  states: number;
  /** Bytes per token. */
  row: number;
  /** The longest context's cost, where it was priced. */
  full: PassCost['contexts'][number] | null;
}

export function cacheSizes(cost: PassCost, maxContext: number): CacheSizes {
  return {
    layer: ofHeads(cost.cache),
    convolutions: cost.cache.filter((l) => l.n_heads === undefined),
    states: statesOf(cost.cache),
    row: cost.cache.reduce((sum, l) => sum + l.bytes_per_position, 0),
    full: cost.contexts.find((c) => c.positions === maxContext) ?? null,
  };
}

/** Heads of keys and values of a layer that has some: one number, or a range where layers differ; null before the cost is known. */
function kvHeads(cost: PassCost | null): string | null {
  const all = (cost?.cache ?? []).flatMap((l) => (l.n_kv_heads ? [l.n_kv_heads] : []));
  return all.length > 0 ? ranged(all) : null;
}

/** A model's cache in sizes; its cost is not known yet where it is null. */
export function sizesOf(m: RunManifest, cost: PassCost | null, others = 'states'): Sizes {
  const { model, kv_cache: own } = m;
  const of = cost && cacheSizes(cost, model.max_context);
  return [
    ['reads at most', plural(model.max_context, 'token')],
    ['layers', count(model.n_layers)],
    ...(of && of.convolutions.length > 0
      ? ([['of them without keys and values', count(of.convolutions.length)]] as Sizes)
      : []),
    of?.layer?.d_latent === undefined
      ? ['heads of keys and values', `${kvHeads(cost) ?? count(model.n_kv_heads)} of ${count(model.n_heads)}`]
      : ['kept per token and layer', `${count(of.layer.d_latent)} + ${count(of.layer.d_shared ?? 0)} numbers`],
    ...(cost && of
      ? ([
          ['a token takes', bytes(of.row)],
          ...(of.states > 0 ? [[`${others} keep, always`, bytes(of.states)]] : []),
          ...(of.full ? [['a full context', bytes(of.full.kept_bytes)]] : []),
          ['the weights', bytes(cost.room.weights_bytes)],
        ] as Sizes)
      : []),
    ['this run held', `${bytes(own.bytes)} for ${plural(own.positions, 'token')}`],
  ];
}

/** How long the next token took after the most tokens that were measured, with the cache and without. */
export const decodeSaid = ({ positions, decode, without_cache, same_tokens }: BenchmarkPoint): string =>
  without_cache
    ? `After ${count(positions)} tokens the next took ${duration(decode.min)} with the cache, ${duration(without_cache.min)} without${same_tokens ? ', and was the same' : ''}.`
    : '';

/** How long the longest prompt that was measured took. */
export const prefillSaid = ({ positions, prefill_ms }: BenchmarkPoint): string =>
  `Here ${plural(positions, 'token')} of a prompt took ${duration(prefill_ms)}.`;

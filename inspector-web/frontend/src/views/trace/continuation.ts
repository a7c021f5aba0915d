import type { GeneratedToken, KvCache, ModelIdentity } from '../../api/types';
import type { Live } from '../../state/run.svelte';
import type { Source } from '../../api/source';

/** A continuation, in progress or finished, as its figure draws it. */
export interface Story {
  live: boolean;
  promptLength: number;
  steps: GeneratedToken[];
  /** The cache after the prompt and after each token; null when only its end is known. */
  kvSteps: KvCache[] | null;
  kvEnd: KvCache | null;
  prefillMs: number | null;
  tokensPerSecond: number | null;
  finishReason: string | null;
  seed: number | null;
  /** Bytes of one layer when the run is at its end: as long as a bar gets. */
  fullLayerBytes: number;
}

export function storyOf(live: Live | null, source: Source | null): Story | null {
  if (live) {
    return {
      live: true,
      promptLength: live.tokens.length - live.steps.length,
      steps: live.steps,
      kvSteps: live.kv,
      kvEnd: live.kv.at(-1) ?? null,
      prefillMs: live.prefillMs,
      tokensPerSecond: null,
      finishReason: null,
      seed: null,
      fullLayerBytes: expectedBytes(live),
    };
  }
  if (!source) return null;
  const m = source.manifest;
  return {
    live: false,
    promptLength: m.prompt_length,
    steps: m.generation?.steps ?? [],
    kvSteps: source.kvSteps,
    kvEnd: m.kv_cache,
    prefillMs: m.timings.prefill_ms,
    tokensPerSecond: m.timings.decode_tokens_per_second ?? null,
    finishReason: m.generation?.finish_reason ?? null,
    seed: m.generation?.seed ?? null,
    fullLayerBytes: Math.max(1, ...m.kv_cache.layers),
  };
}

/** From what a position takes now to all positions that were asked for; the last token is never fed back. */
function expectedBytes(live: Live): number {
  const kv = live.kv.at(-1);
  if (!kv || kv.positions === 0) return 1;
  const prompt = live.tokens.length - live.steps.length;
  return (Math.max(...kv.layers) / kv.positions) * (prompt + Math.max(0, live.maxNewTokens - 1));
}

/** Formats without scales; keys and values in codes, or in two formats, are told as they were measured. */
const ELEMENT_BYTES: Record<string, number> = { f64: 8, f32: 4, f16: 2, bf16: 2 };

/** What the cache should weigh: 2 (keys and values) x kv heads x head size x positions x bytes of an element, a layer. */
export function kvBytesPerLayer(model: ModelIdentity, positions: number, dtype: string): number | null {
  const element = ELEMENT_BYTES[dtype.toLowerCase()];
  return element === undefined ? null : 2 * model.n_kv_heads * model.d_head * positions * element;
}

export function elementBytes(dtype: string): number | null {
  return ELEMENT_BYTES[dtype.toLowerCase()] ?? null;
}

/** Why it ended, in words. */
export function ending(reason: string): string {
  const words: Record<string, string> = {
    length: 'It ended because it had as many tokens as were asked for',
    eos: 'It ended itself, with its end-of-sequence token',
    stop: 'It ended at a stop string',
    cancelled: 'It was stopped',
  };
  return words[reason] ?? `It ended: ${reason}`;
}

/** What stands where the provenance will be, while a run happens. */
export function liveNote(live: Live | null): string | null {
  if (!live) return null;
  return `${live.model} · run ${live.id ?? 'about to begin'} · happening now; its numbers can be fetched once it is kept`;
}

import type { PassCost, Timeline } from '../../api/types';

export interface Sum {
  parameters: number;
  flops: number;
  bytes: number;
  /** Measured, one token after the prompt; null where it is not. */
  ms: number | null;
}

/** What these parts of a layer take, together. */
export function sumOf(
  cost: PassCost | null,
  times: Timeline | null,
  layer: number,
  parts: string[] | null,
): Sum | null {
  if (!cost) return null;
  const mine = (p: { layer?: number; part: string }) => p.layer === layer && (parts === null || parts.includes(p.part));
  const sum: Sum = { parameters: 0, flops: 0, bytes: 0, ms: times ? 0 : null };
  for (const p of cost.parts.filter(mine)) {
    sum.parameters += p.parameters;
    sum.flops += p.flops;
    sum.bytes += p.weight_bytes + p.cache_read_bytes + p.cache_write_bytes;
  }
  for (const p of times?.decode.parts.filter(mine) ?? []) sum.ms = (sum.ms ?? 0) + p.ms.median;
  return sum;
}

/** The block whose loss makes the model's own next token least probable; null while one is missing. */
export function dearest(logprobs: (number | null)[]): number | null {
  if (logprobs.length === 0 || logprobs.some((l) => l === null)) return null;
  return logprobs.reduce<number>((best, l, i) => (l! < logprobs[best]! ? i : best), 0);
}

/** From scores to a pick, step by step, over the whole vocabulary; and which run left which. */
import { filter, greedy, softmax, type Filtered, type Sampling } from '../../kit/math/distribution';

/**
 * Logits with a repetition penalty, as Keskar et al. 2019 and Hugging Face have it: a score above 0 is divided, one below
 * multiplied, once for every token that was read or written.
 */
export function penalised(logits: Float32Array, seen: Iterable<number>, penalty: number): Float32Array {
  if (penalty === 1) return logits;
  const scores = Float32Array.from(logits);
  for (const id of new Set(seen)) if (id < scores.length) scores[id] *= scores[id] < 0 ? penalty : 1 / penalty;
  return scores;
}

export interface Steps {
  /** The model's own. */
  logits: Float32Array;
  /** Softmax of those, temperature 1: what the model says. */
  model: Float64Array;
  /** After the penalty. */
  scores: Float32Array;
  ranking: Uint32Array;
  /** Softmax at the temperature. */
  warm: Float64Array;
  /** After the cuts, adding to 1 again. */
  left: Filtered;
}

export function steps(
  { logits, model }: { logits: Float32Array; model: Float64Array },
  scores: Float32Array,
  ranking: Uint32Array,
  s: Sampling & { greedy: boolean },
): Steps {
  const warm = softmax(scores, s.greedy ? 1 : s.temperature);
  const left = s.greedy ? greedy(ranking) : filter(scores, ranking, s, warm);
  return { logits, model, scores, ranking, warm, left };
}

/** The one of these tokens whose probability grows most when the temperature goes from 1 to `hot`. */
export function gainer(logits: Float32Array, among: ArrayLike<number>, hot: number): number | null {
  const [cool, warm] = [softmax(logits), softmax(logits, hot)];
  let best: number | null = null;
  for (let i = 0; i < among.length; i++) {
    const gain = (id: number) => warm[id] - cool[id];
    if (best === null || gain(among[i]) > gain(best)) best = among[i];
  }
  return best;
}

/** Mass of the tokens that are not shown. */
export function rest(p: Float64Array, shown: ArrayLike<number>): number {
  let sum = 1;
  for (let i = 0; i < shown.length; i++) sum -= p[shown[i]];
  return Math.max(0, sum);
}

/** How often each token came first, the most frequent first. */
export function counted(firsts: { id: number; text: string }[]): { id: number; text: string; times: number }[] {
  const seen = new Map<number, { id: number; text: string; times: number }>();
  for (const t of firsts) {
    const known = seen.get(t.id);
    if (known) known.times++;
    else seen.set(t.id, { ...t, times: 1 });
  }
  return [...seen.values()].sort((a, b) => b.times - a.times || a.id - b.id);
}

/** A run that went on from another. */
export interface Branch {
  id: string;
  /** The run that it left. */
  from: string;
  /** The position of the token that is its own. */
  at: number;
}

/** Branches under what they left, each with its depth: those that left earlier first. Orphans hang on the trunk. */
export function family<B extends Branch>(trunk: string, all: B[]): { branch: B; depth: number }[] {
  const known = new Set([trunk, ...all.map((b) => b.id)]);
  const under = (run: string) =>
    all
      .filter((b) => (known.has(b.from) ? b.from : trunk) === run)
      .sort((a, b) => a.at - b.at || a.id.localeCompare(b.id));
  const walk = (run: string, depth: number, above: Set<string>): { branch: B; depth: number }[] =>
    under(run)
      .filter((b) => !above.has(b.id))
      .flatMap((b) => [{ branch: b, depth }, ...walk(b.id, depth + 1, new Set([...above, b.id]))]);
  return walk(trunk, 0, new Set([trunk]));
}

/** From scores to a pick, step by step, over the whole vocabulary; and which run left which. */
import { filter, greedy, softmax, type Filtered, type Sampling } from '../../kit/data/math/distribution';

export interface Penalties {
  /** 1 is none. */
  repeat: number;
  /** 0 is none. */
  presence: number;
  /** 0 is none. */
  frequency: number;
}

/**
 * Logits with penalties on tokens that were there before. Repetition, as Keskar et al. 2019 and Hugging Face have it: a
 * score above 0 is divided, one below multiplied, once for every token that was read or written. Presence and frequency,
 * as OpenAI and vLLM have them: taken from what was written, once, and once for each time.
 *
 * @param before the tokens so far
 * @param written where in them what the model wrote begins
 */
export function penalised(logits: Float32Array, before: number[], written: number, p: Penalties): Float32Array {
  if (p.repeat === 1 && p.presence === 0 && p.frequency === 0) return logits;
  const scores = Float32Array.from(logits);
  for (const id of new Set(before)) {
    if (id < scores.length) scores[id] *= scores[id] < 0 ? p.repeat : 1 / p.repeat;
  }
  const times = new Map<number, number>();
  for (const id of before.slice(written)) times.set(id, (times.get(id) ?? 0) + 1);
  for (const [id, n] of times) if (id < scores.length) scores[id] -= p.presence + p.frequency * n;
  return scores;
}

/** The ranking when only these ids have other scores: they are taken out and put in again, the others stay in order. */
export function reranked(ranking: Uint32Array, scores: Float32Array, moved: Iterable<number>): Uint32Array {
  const out = new Uint32Array(ranking.length);
  const taken = new Uint8Array(ranking.length);
  for (const id of moved) if (id < scores.length) taken[id] = 1;
  const before = (a: number, b: number) => scores[b] - scores[a] || a - b;
  const those = [...new Set(moved)].filter((id) => id < scores.length).sort(before);
  if (those.length === 0) return ranking;
  let at = 0;
  let next = 0;
  let due = scores[those[0]];
  for (let r = 0; r < ranking.length; r++) {
    const id = ranking[r];
    if (taken[id] === 1) continue;
    while (due > scores[id] || (due === scores[id] && those[next] < id)) {
      out[at++] = those[next++];
      due = next < those.length ? scores[those[next]] : NaN;
    }
    out[at++] = id;
  }
  while (next < those.length) out[at++] = those[next++];
  return out;
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

/** How many tokens are more probable when the temperature has changed, and by how much together. */
export function gains(before: Float64Array, after: Float64Array): { many: number; mass: number } {
  let [many, mass] = [0, 0];
  before.forEach((p, i) => {
    if (after[i] <= p) return;
    many++;
    mass += after[i] - p;
  });
  return { many, mass };
}

/** How many tokens are less probable than a share, and how probable they are together. */
export function tail(p: Float64Array, below = 1e-3): { many: number; mass: number } {
  const small = p.filter((v) => v < below);
  return { many: small.length, mass: small.reduce((sum, v) => sum + v, 0) };
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

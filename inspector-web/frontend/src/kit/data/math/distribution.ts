/** From logits to the tokens that a decoder may pick: softmax in float64, and the samplers' filters in their order. */

export interface Sampling {
  temperature: number;
  /** Keep the k most probable tokens; 0 keeps all. */
  topK: number;
  /** Keep the smallest set whose probability reaches p; 1 keeps all. */
  topP: number;
  /** Keep tokens at least minP times as probable as the most probable one; 0 keeps all. */
  minP: number;
}

/** p_i = exp(l_i / T - max) / sum; the whole vocabulary, nothing left out. */
export function softmax(logits: Float32Array, temperature = 1): Float64Array {
  let max = -Infinity;
  for (const l of logits) if (l > max) max = l;
  const p = new Float64Array(logits.length);
  let sum = 0;
  for (let i = 0; i < logits.length; i++) {
    p[i] = Math.exp((logits[i] - max) / temperature);
    sum += p[i];
  }
  for (let i = 0; i < p.length; i++) p[i] /= sum;
  return p;
}

/** Ids from the highest logit down; equal logits keep the order of their ids. */
export function byRank(logits: Float32Array): Uint32Array {
  return Uint32Array.from(logits, (_, i) => i).sort((a, b) => logits[b] - logits[a] || a - b);
}

/** Entropy in nats: 0 when one token is certain, ln(V) when all are alike. */
export function entropy(p: Float64Array): number {
  let h = 0;
  for (const x of p) if (x > 0) h -= x * Math.log(x);
  return h;
}

export function total(p: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < p.length; i++) sum += p[i];
  return sum;
}

export interface Filtered {
  /** Probability of each id in the distribution that is sampled from; 0 when filtered away. */
  prob: Float64Array;
  /** How many tokens stay: the first {@code kept} of the ranking. */
  kept: number;
  /** How many would stay after each filter, in the order in which they are applied. */
  after: { topK: number; topP: number; minP: number };
}

/**
 * What is sampled from: temperature, then top-k, top-p and min-p, each on what the one before left.
 *
 * Every filter keeps a beginning of the ranking, so that one number says what stays.
 *
 * @param warm the softmax at this temperature, where it is there already
 */
export function filter(
  logits: Float32Array,
  ranking: Uint32Array,
  s: Sampling,
  warm: Float64Array = softmax(logits, s.temperature),
): Filtered {
  const vocabulary = ranking.length;
  const topK = s.topK > 0 ? Math.min(s.topK, vocabulary) : vocabulary;
  let mass = 0;
  for (let r = 0; r < topK; r++) mass += warm[ranking[r]];

  let topP = topK;
  if (s.topP < 1) {
    let reached = 0;
    topP = 0;
    while (topP < topK && (topP === 0 || reached < s.topP)) reached += warm[ranking[topP++]] / mass;
  }

  let minP = topP;
  if (s.minP > 0) {
    const least = s.minP * warm[ranking[0]];
    minP = 1;
    while (minP < topP && warm[ranking[minP]] >= least) minP++;
  }

  const prob = new Float64Array(vocabulary);
  let kept = 0;
  for (let r = 0; r < minP; r++) kept += warm[ranking[r]];
  for (let r = 0; r < minP; r++) prob[ranking[r]] = warm[ranking[r]] / kept;
  return { prob, kept: minP, after: { topK, topP, minP } };
}

/** Always the most probable token: what temperature 0 tends to. */
export function greedy(ranking: Uint32Array): Filtered {
  const prob = new Float64Array(ranking.length);
  prob[ranking[0]] = 1;
  return { prob, kept: 1, after: { topK: 1, topP: 1, minP: 1 } };
}

import { softmax } from './distribution';

/** One token's probability before a change and after it. */
export interface Moved {
  id: number;
  before: number;
  after: number;
}

export interface Movement {
  /** Tokens by how far their probability moved, the farthest first. */
  rows: Moved[];
  /** The most probable token before the change, and the one after it. */
  first: Moved;
  then: Moved;
  /** KL(before ‖ after) in nats: 0 when the change did nothing. */
  kl: number;
  /** Half of the sum of all distances: the share of probability that went elsewhere. */
  share: number;
}

/** What a change did to a distribution, from the raw logits of both. */
export function movement(before: Float32Array, after: Float32Array, most: number): Movement {
  const [p, q] = [softmax(before), softmax(after)];
  let kl = 0;
  let distance = 0;
  for (let i = 0; i < p.length; i++) {
    if (p[i] > 0) kl += p[i] * Math.log(p[i] / Math.max(q[i], Number.MIN_VALUE));
    distance += Math.abs(p[i] - q[i]);
  }
  const at = (id: number): Moved => ({ id, before: p[id], after: q[id] });
  const top = (of: Float64Array) => of.indexOf(of.reduce((a, b) => Math.max(a, b), 0));
  const order = Uint32Array.from(p, (_, i) => i).sort((a, b) => Math.abs(q[b] - p[b]) - Math.abs(q[a] - p[a]));
  const rows = Array.from(order.subarray(0, most), at);
  return { rows, first: at(top(p)), then: at(top(q)), kl: Math.max(0, kl), share: distance / 2 };
}

/** |a - b| / |a|: how far a vector moved, in lengths of what it was. */
export function relativeDistance(a: Float32Array, b: Float32Array): number {
  let [off, length] = [0, 0];
  for (let i = 0; i < a.length; i++) {
    off += (a[i] - b[i]) ** 2;
    length += a[i] ** 2;
  }
  return length > 0 ? Math.sqrt(off / length) : 0;
}

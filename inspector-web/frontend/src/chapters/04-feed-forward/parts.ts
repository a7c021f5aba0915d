/** What the layers' feed-forward parts did to one token: which changed it most, and what its strongest neurons share. */
import type { FeedForward } from '../../api/types';

/** The layer whose part adds most by the length of the stream that it is added to (L2 norms); null where there is none. */
export function heaviest(parts: FeedForward[]): FeedForward | null {
  return parts.reduce<FeedForward | null>((a, b) => (a && a.ratio >= b.ratio ? a : b), null);
}

/** How many of the strongest make this share of what the part writes; all that are known when they do not reach it. */
export function needed(part: FeedForward, share: number): number {
  const i = part.strongest.findIndex((n) => n.share >= share);
  return i < 0 ? part.strongest.length : i + 1;
}

/** Ids of the `most` strongest neurons. */
export function strongest(part: FeedForward, most: number): number[] {
  return part.strongest.slice(0, most).map((n) => n.neuron);
}

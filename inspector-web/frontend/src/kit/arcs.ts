/** Where tokens stand on a line of text, and the arcs between them. Pure, so that a test can hold it. */

export interface Spot {
  /** Left edge and width of its text, in CSS pixels. */
  x: number;
  w: number;
  middle: number;
}

const SIDE = 12;
const GAP = 10;
const LEAST = 9;

/** Every token as wide as its text, one after the other. */
export function inLine(widths: number[]): Spot[] {
  let x = SIDE;
  return widths.map((text) => {
    const w = Math.max(LEAST, text);
    const spot = { x, w, middle: x + w / 2 };
    x += w + GAP;
    return spot;
  });
}

/** All tokens in the given width, each the same distance from the next. */
export function fitted(widths: number[], width: number): Spot[] {
  const pitch = (width - 2 * SIDE) / Math.max(1, widths.length);
  return widths.map((w, i) => {
    const middle = SIDE + (i + 0.5) * pitch;
    return { x: middle - w / 2, w, middle };
  });
}

export function lengthOf(spots: Spot[]): number {
  const last = spots.at(-1);
  return last ? last.x + last.w + SIDE : 0;
}

/** The token whose ground x lies on: half of the gaps beside it are its own. */
export function spotAt(spots: Spot[], x: number): number | null {
  if (spots.length === 0 || x < 0) return null;
  let [lo, hi] = [0, spots.length - 1];
  while (lo < hi) {
    const mid = (lo + hi) >> 1;
    if ((spots[mid].middle + spots[mid].w / 2 + spots[mid + 1].middle - spots[mid + 1].w / 2) / 2 > x) hi = mid;
    else lo = mid + 1;
  }
  return x <= spots[lo].middle + Math.max(spots[lo].w, GAP) ? lo : null;
}

/** Which labels are written where not all have room: the first of the list always, others where they touch none. */
export function written(spots: Spot[], inOrder: number[], width: number): Set<number> {
  const taken: [number, number][] = [];
  const out = new Set<number>();
  for (const i of inOrder) {
    const spot = spots[i];
    if (!spot || out.has(i)) continue;
    const from = Math.max(2, Math.min(spot.x, width - spot.w - 2));
    if (taken.some(([a, b]) => from < b + 7 && a < from + spot.w + 7)) continue;
    taken.push([from, from + spot.w]);
    out.add(i);
  }
  return out;
}

/** How high an arc over so many pixels rises. */
export function rise(distance: number, most: number): number {
  return Math.min(most, 16 + 3.1 * Math.sqrt(distance) + distance * 0.16);
}

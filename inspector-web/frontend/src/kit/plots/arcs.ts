/** Layout of tokens in lines of text, and of the arcs between them. Pure. */

export interface Spot {
  /** Left edge and width of its text, in CSS pixels. */
  x: number;
  w: number;
  middle: number;
  /** Number of its line of text. */
  line: number;
}

const SIDE = 8;
const GAP = 11;
const LEAST = 9;

/** Every token as wide as its text, one after the other, in as many lines as it takes. */
export function inLines(widths: number[], width: number): Spot[] {
  let [x, line] = [SIDE, 0];
  return widths.map((text) => {
    const w = Math.max(LEAST, text);
    if (x + w + SIDE > width && x > SIDE) [x, line] = [SIDE, line + 1];
    const spot = { x, w, middle: x + w / 2, line };
    x += w + GAP;
    return spot;
  });
}

/** All tokens in one line of the given width, each the same distance from the next. */
export function fitted(widths: number[], width: number): Spot[] {
  const pitch = (width - 2 * SIDE) / Math.max(1, widths.length);
  return widths.map((w, i) => {
    const middle = SIDE + (i + 0.5) * pitch;
    return { x: middle - w / 2, w, middle, line: 0 };
  });
}

/** Number of lines. */
export function linesOf(spots: Spot[]): number {
  return (spots.at(-1)?.line ?? -1) + 1;
}

/** The first token of a line, or of the first one after it: how many tokens stand before the line. */
export function startOf(spots: Spot[], line: number): number {
  let [lo, hi] = [0, spots.length];
  while (lo < hi) {
    const mid = (lo + hi) >> 1;
    if (spots[mid].line < line) lo = mid + 1;
    else hi = mid;
  }
  return lo;
}

/** The token at x in a line: its text and half of the gaps on both sides. */
export function spotAt(spots: Spot[], x: number, line = 0): number | null {
  let [lo, hi] = [startOf(spots, line), startOf(spots, line + 1) - 1];
  if (hi < lo || x < 0) return null;
  while (lo < hi) {
    const mid = (lo + hi) >> 1;
    if ((spots[mid].middle + spots[mid].w / 2 + spots[mid + 1].middle - spots[mid + 1].w / 2) / 2 > x) hi = mid;
    else lo = mid + 1;
  }
  return x <= spots[lo].middle + Math.max(spots[lo].w, GAP) ? lo : null;
}

/** The token nearest above or below. */
export function beside(spots: Spot[], from: number, lines: number): number {
  const line = Math.max(0, Math.min(linesOf(spots) - 1, spots[from].line + lines));
  if (line === spots[from].line) return from;
  const [first, end] = [startOf(spots, line), startOf(spots, line + 1)];
  const away = (i: number) => Math.abs(spots[i].middle - spots[from].middle);
  let best = first;
  for (let i = first; i < end; i++) if (away(i) < away(best)) best = i;
  return best;
}

/** The labels that have room: the first of the list always, others where they touch none. */
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

/** Height of an arc over a distance in pixels. */
export function rise(distance: number, most: number): number {
  return Math.min(most, 16 + 3.1 * Math.sqrt(distance) + distance * 0.16);
}

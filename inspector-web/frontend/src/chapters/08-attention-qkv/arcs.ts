/** Arcs over a text that runs in lines: from the token that reads to one that it reads. */

export interface Box {
  left: number;
  top: number;
  width: number;
  height: number;
}

export interface Arc {
  key: number;
  weight: number;
  /** An SVG path. */
  path: string;
}

/** The most that an arc rises above its line: there is no more room between two lines. */
const RISE = 27;

const near = (x: number) => Math.round(x * 10) / 10;

/** A bow above the line, or, to another line, from the top of the one to the foot of the other. */
export function arcs(from: Box, to: Box): string {
  const [x0, x1] = [from.left + from.width / 2, to.left + to.width / 2].map(near);
  const y0 = near(from.top);
  if (from === to || (x0 === x1 && from.top === to.top)) {
    return `M${x0 - 7} ${y0} C${x0 - 15} ${y0 - 20} ${x0 + 15} ${y0 - 20} ${x0 + 7} ${y0}`;
  }
  if (Math.abs(from.top - to.top) < from.height / 2) {
    const rise = near(y0 - Math.min(RISE, 10 + Math.abs(x1 - x0) * 0.14) * 1.33);
    return `M${x0} ${y0} C${x0} ${rise} ${x1} ${rise} ${x1} ${near(to.top)}`;
  }
  const y1 = near(to.top + to.height);
  // Neighbouring lines leave little room: the bend is never flatter than this.
  const bend = Math.max(14, (y0 - y1) / 2);
  return `M${x0} ${y0} C${x0} ${near(y0 - bend)} ${x1} ${near(y1 + bend)} ${x1} ${y1}`;
}

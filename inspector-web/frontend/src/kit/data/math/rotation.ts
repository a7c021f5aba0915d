/** Rotary position embedding of one pair of a vector's numbers: rotation by an angle that grows with the position. Pure. */

export interface Pair {
  x: number;
  y: number;
}

/** Angle of the position for each pair, in radians per position: base^(-2i/d). */
export function frequencies(d: number, base: number): Float64Array {
  return Float64Array.from({ length: d / 2 }, (_, i) => base ** ((-2 * i) / d));
}

export function turn({ x, y }: Pair, angle: number): Pair {
  const [c, s] = [Math.cos(angle), Math.sin(angle)];
  return { x: x * c - y * s, y: x * s + y * c };
}

/** The angle that takes one pair to the other, in [0, 2 pi). */
export function angleBetween(from: Pair, to: Pair): number {
  const a = Math.atan2(to.y, to.x) - Math.atan2(from.y, from.x);
  return ((a % (2 * Math.PI)) + 2 * Math.PI) % (2 * Math.PI);
}

/** The parts of a transformer block along its residual stream, as a diagram lays them out. Pure. */
import type { Color } from './marks';

export interface BlockPart {
  id: string;
  name: string;
  /** Shape of the part's values: 'd_model 160'. */
  shape?: string;
  color: Color;
  /** A branch leaves the stream, goes through its parts and is added to the stream again. */
  branch: number;
}

export interface PlacedPart extends BlockPart {
  x: number;
  y: number;
}

export interface BlockLayout {
  parts: PlacedPart[];
  /** Places at which each branch leaves the stream and is added to it. */
  branches: { leave: number; join: number; x: number }[];
  width: number;
  height: number;
}

export const PART = { w: 196, h: 40, gap: 14 };
/** The stream's own line. */
export const STREAM = 26;
const IN = 42;

/** Branches one after the other from the bottom up, as data flows; parallel ones beside each other. */
export function layBlock(parts: BlockPart[], parallel: boolean): BlockLayout {
  const numbers = [...new Set(parts.map((p) => p.branch))];
  const of = (b: number) => parts.filter((p) => p.branch === b);
  const tall = (b: number) => of(b).length * (PART.h + PART.gap) + PART.gap + 30;
  const height = (parallel ? Math.max(...numbers.map(tall)) : numbers.reduce((s, b) => s + tall(b), 0)) + 2 * IN;
  const placed: PlacedPart[] = [];
  const branches: BlockLayout['branches'] = [];
  let y = height - IN;
  numbers.forEach((b, i) => {
    const leave = parallel ? height - IN : y;
    const x = STREAM + 44 + (parallel ? i * (PART.w + 22) : 0);
    of(b).forEach((part, j) => placed.push({ ...part, x, y: leave - 22 - (j + 1) * (PART.h + PART.gap) + PART.gap }));
    y = leave - tall(b);
    branches.push({ leave, join: parallel ? IN + 12 : y + 12, x: x + PART.w / 2 });
  });
  return { parts: placed, branches, width: STREAM + 44 + (parallel ? numbers.length : 1) * (PART.w + 22), height };
}

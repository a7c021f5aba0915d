/** Why chapter 10 begins with its head, and how a model knows positions, in sizes. Pure. */
import type { PositionSchemes } from '../../api/types';
import { count, short } from '../../kit/text/format';
import type { Sizes } from '../chapter';

/** Why the head is shown that the chapter chose: its mean score depends most on the distance. */
export const whyChosen = (layer: number, head: number, heads: number, range: number): string =>
  `Layer ${layer}, head ${head}, because of all ${count(heads)} heads its mean score moves farthest with the distance, by ${short(Number(range.toPrecision(3)))}.`;

/** How a model knows positions: learned vectors, rotation (RoPE), slopes (ALiBi) or not at all. */
function positionsOf(schemes: PositionSchemes): string {
  if (schemes.learned) return 'learned, added to the tokens';
  const has = (kind: string) => schemes.schemes.some((s) => s.kind === kind);
  return has('rope') ? 'turned into q and k' : has('alibi') ? 'a slope taken from each score' : 'none';
}

/** Sizes of what tells a model its positions. */
export function sizesOf(schemes: PositionSchemes, dModel: number): Sizes {
  const rope = schemes.schemes.find((s) => s.kind === 'rope');
  const learned = schemes.learned ?? false;
  return [
    ['longest text', `${count(schemes.max_context)} tokens`],
    ['positions', positionsOf(schemes)],
    ...(rope
      ? ([
          ['pairs per head', `${rope.pairs.length} of ${rope.d_head / 2}`],
          ['base of the speeds', (rope.theta ?? 0).toLocaleString('en')],
          ['fastest pair', `once round in ${rope.pairs[0].period.toFixed(1)} tokens`],
          ['slowest pair', `once round in ${count(Math.round(rope.pairs.at(-1)!.period))} tokens`],
          ['scaling', rope.scaling?.kind ?? 'default'],
        ] as Sizes)
      : []),
    ['weights for it', learned ? count(schemes.max_context * dModel) : 'none: nothing of it is learned'],
  ];
}

/** What a corpus's losses say, as series and in sentences. Pure. */
import type { SweepLoss } from '../../api/types';
import { percent } from '../text/format';

/** Positions that are averaged. */
export const BAND = 8;

type ByPosition = Pick<SweepLoss, 'positions' | 'counts'>;

/** Mean loss of the tokens at positions [from, to); null where there is none. */
export function meanLoss({ positions, counts }: ByPosition, from: number, to: number): number | null {
  let [sum, all] = [0, 0];
  for (let p = from; p < to; p++) {
    const loss = positions[p];
    if (loss === null || loss === undefined) continue;
    sum += loss * counts[p];
    all += counts[p];
  }
  return all > 0 ? sum / all : null;
}

/** Means of `BAND` positions together, each at their middle. */
export function bandsOf(loss: ByPosition): { x: number; y: number }[] {
  const n = loss.positions.length;
  return Array.from({ length: Math.ceil(n / BAND) }, (_, i) => {
    const to = Math.min(n, (i + 1) * BAND);
    return { x: (i * BAND + to - 1) / 2, y: meanLoss(loss, i * BAND, to) };
  }).flatMap(({ x, y }) => (y === null ? [] : [{ x, y }]));
}

/** The mean loss of the window's first tokens beside that of its last ones; null where it has fewer than two such ends. */
export function gained(loss: ByPosition): string | null {
  const known = loss.positions.flatMap((v, p) => (v === null ? [] : [p]));
  if (known.length < 2 * BAND) return null;
  const first = meanLoss(loss, known[0], known[BAND - 1] + 1)!;
  const last = meanLoss(loss, known.at(-BAND)!, known.at(-1)! + 1)!;
  const change = last < first ? 'less' : 'more';
  return `The last ${BAND} tokens of a window cost ${last.toFixed(2)} nats, ${change} than the first ${BAND}, ${first.toFixed(2)}.`;
}

/** Which layer is the first whose most probable token is the output's at half of all places. */
export function settles(same: (number | null)[]): string {
  const layer = same.findIndex((s) => s !== null && s >= 0.5);
  const first = same[0];
  const begin = first === null || first === undefined ? '' : ` After layer 0 it does so at ${percent(first)}.`;
  if (layer === same.length - 1) return `Only the end says at half of all places what the end says.${begin}`;
  return `Read through the last norm and the unembedding, layer ${layer} is the first that says at half of all places what the end says.${layer === 0 ? '' : begin}`;
}

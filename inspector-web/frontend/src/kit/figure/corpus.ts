/** What a corpus's losses say, in sentences. Pure. */
import { percent } from '../text/format';

/** Positions at each end of the window that are averaged. */
const ENDS = 8;

/** The mean loss of the window's first tokens beside that of its last ones; null where it has fewer than two such ends. */
export function gained(positions: (number | null)[]): string | null {
  const known = positions.filter((v) => v !== null);
  if (known.length < 2 * ENDS) return null;
  const mean = (part: number[]) => part.reduce((a, b) => a + b, 0) / part.length;
  const [first, last] = [mean(known.slice(0, ENDS)), mean(known.slice(-ENDS))];
  const change = last < first ? 'less' : 'more';
  return `The last ${ENDS} tokens of a window cost ${last.toFixed(2)} nats, ${change} than the first ${ENDS}, ${first.toFixed(2)}.`;
}

/** Which layer is the first whose most probable token is the output's at half of all places. */
export function settles(same: (number | null)[]): string {
  const layer = same.findIndex((s) => s !== null && s >= 0.5);
  const first = same[0];
  const begin = first === null || first === undefined ? '' : ` After layer 0 it does so at ${percent(first)}.`;
  if (layer === same.length - 1) return `Only the end says at half of all places what the end says.${begin}`;
  return `Read through the last norm and the unembedding, layer ${layer} is the first that says at half of all places what the end says.${layer === 0 ? '' : begin}`;
}

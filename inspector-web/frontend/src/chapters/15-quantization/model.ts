/** What chapter 15 may show of a model and why not, why it begins with its matrix, and its sizes. Pure. */
import type { ModelSizes } from '../../api/types';
import { bytes, count } from '../../kit/text/format';
import type { Sizes } from '../chapter';
import { standsOut, type Values } from './asks';

/** Parameters up to which every number of bits is tried without asking. */
export const SMALL = 60e6;
/** Parameters up to which the whole model is read to find the matrix that loses most. */
export const READABLE = 1e9;
/** Bits of most quantized files. */
export const USUAL = 4;

/** Why a model's weights cannot be quantized here; null where they can. */
export const cannotShow = (exported: boolean): string | null =>
  exported
    ? 'it is a graph that was exported elsewhere, which does not say which of its numbers are weights of what'
    : null;

/**
 * Bits to begin with: {@link USUAL}, or fewer where that writes the same text as the weights themselves.
 *
 * @param changed the most bits at which another text is written; null where it never is, undefined while it is unknown
 */
export const bitsShown = (changed: number | null | undefined): number => (changed && changed < USUAL ? changed : USUAL);

/**
 * Why the matrix is shown that the chapter chose.
 *
 * @param compared how many matrices were compared; null where the model is too large for that
 * @param bits the chapter's own choice of bits; null where the reader chose them
 */
export function whyChosen(matrix: string, compared: number | null, bits: number | null): string {
  const name = matrix.replace(/\.weight$/, '');
  const chosen =
    bits === null
      ? ''
      : bits < USUAL
        ? ` ${bits} bits, because with more it still writes the same.`
        : ` ${USUAL} bits, as in most quantized files.`;
  return compared === null
    ? `${name}, in the middle of the model.${chosen}`
    : `${name}, because of all ${compared} matrices it loses most in 4 bits.${chosen}`;
}

/** A model's sizes: in its file, and under each scheme. */
export function sizesOf(sizes: ModelSizes): Sizes {
  return [
    ['parameters', count(sizes.parameters)],
    ['in the file', bytes(sizes.stored_bytes)],
    ...sizes.schemes.map((s): [string, string] => [s.scheme.name, bytes(s.bytes)]),
  ];
}

/** The channel that stands out most of those that flow through the model. */
export function outlierSaid({ layer, statistics }: Values): string {
  const [largest] = statistics.columns.largest;
  return `Here channel ${largest?.index} of layer ${layer} reaches ${standsOut(statistics).toFixed(1)} times the median of all channels.`;
}

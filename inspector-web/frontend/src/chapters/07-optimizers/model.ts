/** What chapter 7 may show of a model and why not, and what an optimizer takes, in sizes. Pure. */
import { bytes, count } from '../../kit/text/format';
import type { Sizes } from '../chapter';
import { STATE_BYTES } from './walks';

/** Why no optimizer can walk on a model's loss; null where it can. */
export const cannotShow = (exported: boolean): string | null =>
  exported ? 'an exported ONNX graph runs forwards only, and an optimizer needs gradients' : null;

/** Sizes of a gradient and of what Adam keeps. */
export const sizesOf = (weights: number): Sizes => [
  ['weights', count(weights)],
  ['a gradient, in 32 bits', bytes(4 * weights)],
  ['what Adam remembers', bytes(STATE_BYTES.adam * weights)],
];

/** What chapter 6 may show of a model and why not, and the sizes of its gradient. Pure. */
import { bytes, count } from '../../kit/text/format';
import type { Sizes } from '../chapter';

/** Why a model has no gradients to show; null where it has. */
export const cannotShow = (exported: boolean): string | null =>
  exported ? 'an exported ONNX graph runs forwards only, and gradients need the arithmetic itself' : null;

/** Sizes of one gradient; null weights are not counted yet. */
export function sizesOf(weights: number | null, layers: number): Sizes {
  return [
    ['weights that get a gradient', weights === null ? '…' : count(weights)],
    ['bytes of one gradient, in 32 bits', weights === null ? '…' : bytes(4 * weights)],
    ['blocks it goes back through', count(layers)],
  ];
}

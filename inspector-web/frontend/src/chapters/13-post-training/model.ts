/** What chapter 13 may show of a model and why not, and the sizes of its question. Pure. */
import { count } from '../../kit/text/format';
import type { Sizes } from '../chapter';

/** Step size of one update of DPO, until a reader chooses another. */
export const RATE = 1e-4;

/**
 * Why three tuned models cannot be shown; null where they can.
 *
 * @param complete one model of each task is known, or still looked for
 */
export function cannotShow(exported: boolean, complete: boolean): string | null {
  if (complete) return null;
  return exported
    ? 'an exported ONNX graph runs forwards only, and here a model learns'
    : 'it has no sisters in the list: a model as it was pretrained, the same one tuned to answer, and that one tuned on choices between answers';
}

/** Sizes of the question: in the prompt, in the chat template, and with the answer that is learnt. */
export function sizesOf(
  promptLength: number,
  position: number,
  lesson: { learnt: number; lesson: { tokens: unknown[] } } | null,
): Sizes {
  return [
    ['tokens of the question in the prompt', count(promptLength)],
    ['as the chat template writes it', count(position)],
    ['with the answer, of which count', lesson ? `${lesson.learnt} of ${lesson.lesson.tokens.length}` : '…'],
  ];
}

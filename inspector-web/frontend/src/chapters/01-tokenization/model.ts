/** A model's tokenizer in sizes. Pure. */
import { count } from '../../kit/text/format';
import type { Sizes } from '../chapter';

/** Sizes of a model's vocabulary; the context is left out while it is not known. */
export function sizesOf(vocab: number, dModel: number, context: number | null): Sizes {
  return [
    ['vocabulary', count(vocab)],
    ['numbers behind each id', `${count(dModel)} (the next chapter)`],
    ['table of all ids', `${count(vocab)} × ${count(dModel)}`],
    ...(context ? ([['context', `${count(context)} tokens`]] as Sizes) : []),
  ];
}

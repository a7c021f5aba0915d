/** Why chapter 2 begins with its row, and a model's embedding in sizes. Pure. */
import type { DecoderSpec, Token } from '../../api/types';
import { bytes, count, short } from '../../kit/text/format';
import { called } from '../../kit/text/tokens';
import type { Sizes } from '../chapter';

/**
 * Why the row is shown that the chapter chose: of all words' rows its and another's are most alike, but for those of one
 * word in two forms.
 *
 * @param forms the two forms of one word that are more alike still
 */
export function whyChosen(a: Token, b: Token, forms: { a: Token; b: Token; cosine: number } | null): string {
  const but = forms
    ? ` (${called(forms.a)} and ${called(forms.b)}, one word in two forms, are more alike still: ${short(forms.cosine)})`
    : '';
  return `Shown because of all different words here ${called(a)} and ${called(b)} have the rows most alike${but}.`;
}

/** Sizes of a model's embedding; the spec's part is left out while it is not known. */
export function sizesOf(vocab: number, dModel: number, spec: DecoderSpec | null): Sizes {
  return [
    ['rows', count(vocab)],
    ['numbers in a row (d_model)', count(dModel)],
    ['numbers in the table', count(vocab * dModel)],
    ['in 16 bits', bytes(vocab * dModel * 2)],
    ...(spec
      ? ([
          ['on the way out', spec.tied ? 'the same table (tied)' : 'a table of its own'],
          ['factor on a row', spec.embed_scale === 1 ? 'none' : short(spec.embed_scale)],
          ['positions', spec.learned_positions ? 'a second table, added' : 'none added here'],
        ] as Sizes)
      : []),
  ];
}

/** A model's logits in sizes. Pure. */
import type { DecoderSpec } from '../../api/types';
import { count, short } from '../../kit/text/format';
import type { Sizes } from '../chapter';

/** Sizes of a model's unembedding; the spec's part is left out while it is not known. */
export function sizesOf(vocab: number, dModel: number, spec: DecoderSpec | null): Sizes {
  return [
    ['scores per position', count(vocab)],
    ['unembedding', `${count(dModel)} × ${count(vocab)}`],
    ...(spec
      ? ([
          ['the same table as the embedding', spec.tied ? 'yes' : 'no'],
          ...(spec.logit_scale == null ? [] : [['factor on the scores', short(spec.logit_scale)]]),
          ['cap on the scores', spec.logit_softcap ? `± ${short(spec.logit_softcap)}` : 'none'],
        ] as Sizes)
      : []),
    ['entropy, if all were alike', `${short(Math.log(vocab))} nats`],
  ];
}

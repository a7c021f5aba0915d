import { recordingOf } from '../../state/scene';
import { choice, flag, text, whole } from '../../state/params';
import type { Record } from '../chapter';

export const PARAMS = {
  /** The panel under the text. */
  panel: choice('codes', 'ruler', 'outliers', 'same', 'bits', 'blocks'),
  /** Bits of a code; 4 when none was chosen, or as few as it takes for another text. */
  bits: whole(),
  /** What shares a scale: 32 weights, a row, the matrix. */
  share: choice('group', 'channel', 'tensor'),
  /** Codes have a zero point. */
  zero: flag(),
  /** A canonical weight; the one that loses most when none was chosen. */
  matrix: text(),
  /** The cell that is taken apart; the largest weight when none was chosen. */
  output: whole(),
  input: whole(),
};

export const record: Record<typeof PARAMS> = {
  teaches: 'A weight can be kept as a small integer and a shared scale: less memory, some error.',
  concept: 'quant',
  needs: [],
  hooks: ['blocks.*.hook_resid_post', 'blocks.*.mlp.hook_post', 'logits'],
  recorded: [],
  params: PARAMS,
  examples: [
    { prompt: 'Once upon a time, there was a little girl named Lily. One day', says: 'a story begins' },
    { prompt: 'Mia had a red ball. Ben had a blue kite. Mia lost her', says: 'whose is it?' },
    { prompt: 'The cat saw the dog. The dog ran away. The cat saw the', says: 'seen before' },
  ],
  asks: async (run, answer) => (await import('./asks')).asks(run, answer),
  recording: recordingOf(import.meta.glob('./recording/*', { eager: true, query: '?url', import: 'default' })),
  load: () => import('./Chapter.svelte'),
};

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
  /** Errors of every weight's schemes are those of its outputs over a corpus. */
  weighted: flag(),
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
    { prompt: 'Once upon a time, a brave mouse named Mia lived in the', says: 'a story begins' },
    { prompt: 'Mia gave a red ball to Ben. "Thank you,', says: 'whom does he thank?' },
    { prompt: 'Mia sang a song: "Kiri bim bolo!" Ben sang it too: "Kiri bim', says: 'sung before' },
  ],
  asks: async (run, answer) => (await import('./asks')).asks(run, answer),
  recording: recordingOf(import.meta.glob('./recording/*', { eager: true, query: '?url', import: 'default' })),
  load: () => import('./Chapter.svelte'),
};

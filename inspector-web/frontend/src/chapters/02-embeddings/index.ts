import { recordingOf } from '../../state/scene';
import { choice, text, whole } from '../../state/params';
import type { Record } from '../chapter';

export const PARAMS = {
  /** The panel that is shown. */
  panel: choice('row', 'near', 'map', 'sum', 'depth', 'out'),
  /** The position whose row is shown; one of the two most alike when none was chosen. */
  shown: whole(),
  /** The token, by its id, whose row stands beside it; the most alike of the text when none was chosen. */
  with: whole(),
  by: choice('cosine', 'dot'),
  /** Words that the reader put on the map. */
  words: text(),
  /** The sum: minus this, plus these two, and what is expected. */
  minus: text(),
  plus: text(),
  and: text(),
  expect: text(),
  /** The word that is followed through the layers: its first position. */
  twice: whole(),
};

export const record: Record<typeof PARAMS> = {
  teaches: 'A token’s number is only a label; its row of learned numbers is what the model works with.',
  concept: 'embed',
  needs: ['hook_embed'],
  hooks: ['hook_embed', 'blocks.*.hook_resid_post', 'ln_final.hook_out', 'logits'],
  recorded: ['hook_embed', 'blocks.*.hook_resid_post'],
  params: PARAMS,
  live: ['sum'],
  examples: [
    { prompt: 'Mia had a red ball. Ben had a blue kite. Mia gave the', says: 'things of one kind' },
    { prompt: 'Mia met a dog. The dog was sad. "Hello,', says: 'one word, two places' },
    { prompt: 'He sat on the bank of the river. She went to the bank for her money', says: 'two meanings' },
  ],
  asks: async (run) => (await import('./asks')).asks(run),
  recording: recordingOf(import.meta.glob('./recording/*', { eager: true, query: '?url', import: 'default' })),
  load: () => import('./Chapter.svelte'),
};

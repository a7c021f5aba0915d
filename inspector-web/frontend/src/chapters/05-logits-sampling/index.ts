import { recordingOf } from '../../state/scene';
import { choice, real, text, whole } from '../../state/params';
import type { Record } from '../chapter';

export const PARAMS = {
  /** The panel that is shown. */
  panel: choice('steps', 'hundred', 'tree', 'depth', 'corpus', 'said'),
  /** What the words set the sliders to; 0 leaves them as they are in the bar. */
  heat: real(0, 0, 2),
  nucleus: real(0, 0, 1),
  /** What repeating costs: 1 is nothing. */
  repeat: real(1, 1, 2),
  /** Taken from the scores of tokens that were written already, once, and once for each time. */
  presence: real(0, 0, 2),
  frequency: real(0, 0, 2),
  /** Which draw: the seed of the first. */
  draw: whole(),
  /** Runs that were branched off, by their ids. */
  branches: text(),
  /** A text to go on with, to see how likely it is. */
  say: text(),
};

export const record: Record<typeof PARAMS> = {
  teaches: 'The model scores every token; arithmetic and a die pick one, and it starts again.',
  concept: 'logit',
  needs: ['logits'],
  hooks: ['logits'],
  asks: async (run) => [(await import('../../state/evidence')).lossEvidence(run.id)],
  params: PARAMS,
  live: ['hundred', 'tree', 'said'],
  examples: [
    { prompt: 'Once upon a time, a brave mouse lived in the', says: 'three places it could be' },
    { prompt: 'Once upon a time, a kind girl named', says: 'any name will do' },
    { prompt: 'Once upon a time, a dog', says: 'no doubt at all' },
  ],
  recording: recordingOf(import.meta.glob('./recording/*', { eager: true, query: '?url', import: 'default' })),
  load: () => import('./Chapter.svelte'),
};

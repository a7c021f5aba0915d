import { recordingOf } from '../../state/scene';
import { choice, whole } from '../../state/params';
import type { Record } from '../chapter';

export const PARAMS = {
  /** The panel under the text; the first that the model has when none was chosen. */
  panel: choice('turn', 'pairs', 'speeds', 'shift', 'order', 'others'),
  /** The key that is read; the heaviest when none was chosen. */
  key: whole(),
  /** Positions between the two; their own when none were chosen. */
  apart: whole(),
  /** By how much the whole prompt is moved. */
  by: whole(),
};

export const record: Record<typeof PARAMS> = {
  teaches: 'Queries and keys are turned by their positions, so that a score knows how far apart two tokens stand.',
  concept: 'attn',
  needs: ['blocks.{i}.attn.hook_attn_scores'],
  hooks: ['logits'],
  recorded: ['logits'],
  params: PARAMS,
  examples: [
    { prompt: 'Mia gave the ball to Ben.', says: 'who has it now?' },
    { prompt: 'Mia gave a red ball to Ben. "Thank you,', says: 'far and near' },
    { prompt: 'Once upon a time, a brave mouse lived in the', says: 'word by word' },
  ],
  asks: async (run) => (await import('./asks')).asks(run),
  recording: recordingOf(import.meta.glob('./recording/*', { eager: true, query: '?url', import: 'default' })),
  load: () => import('./Chapter.svelte'),
};

import { recordingOf } from '../../state/scene';
import { choice, whole } from '../../state/params';
import type { Record } from '../chapter';

export const PARAMS = {
  /** The step that is shown under the text. */
  step: choice('weigh', 'match', 'mix'),
  /** The key that the panels speak of; the heaviest when none was chosen. */
  key: whole(),
};

export const record: Record<typeof PARAMS> = {
  teaches: 'A query meets every key; where they fit, the value is handed over.',
  concept: 'attn',
  needs: ['blocks.{i}.attn.hook_pattern', 'blocks.{i}.attn.hook_attn_scores'],
  hooks: ['blocks.*.attn.hook_pattern', 'logits'],
  recorded: ['blocks.*.attn.hook_pattern', 'blocks.{layer}.attn.*', 'blocks.{layer}.hook_resid_pre', 'logits'],
  params: PARAMS,
  examples: [
    { prompt: 'Mia had a red ball. Ben had a blue kite. Mia lost her', says: 'whose is it?' },
    { prompt: 'The cat saw the dog. The dog ran away. The cat saw the', says: 'seen before' },
    { prompt: 'Once upon a time, there was a little girl named Lily. She was very happy because', says: 'who is she?' },
  ],
  recording: recordingOf(import.meta.glob('./recording/*', { eager: true, query: '?url', import: 'default' })),
  load: () => import('./Chapter.svelte'),
};

import { recordingOf } from '../../state/scene';
import { choice, whole } from '../../state/params';
import type { Record } from '../chapter';

export const PARAMS = {
  /** The step that is shown under the text. */
  step: choice('route', 'match', 'weigh', 'mix'),
  /** The key that the panels speak of; the heaviest when none was chosen. */
  key: whole(),
  /** The head of a recurrent layer; the telling one when none was chosen. */
  unit: whole(),
};

export const record: Record<typeof PARAMS> = {
  teaches: 'A query meets every key; where they fit, the value is handed over.',
  concept: 'attn',
  needs: ['blocks.{i}.attn.hook_pattern', 'blocks.{i}.attn.hook_attn_scores'],
  hooks: ['blocks.*.attn.hook_pattern', 'logits'],
  recorded: ['blocks.*.attn.hook_pattern', 'blocks.{layer}.attn.*', 'blocks.{layer}.hook_resid_pre', 'logits'],
  params: PARAMS,
  examples: [
    { prompt: 'Mia gave a red ball to Ben. "Thank you,', says: 'whom does he thank?' },
    { prompt: 'Mia sang a song: "Kiri bim bolo!" Ben sang it too: "Kiri bim', says: 'sung before' },
    {
      prompt: 'Mia found five apples, and Ben found two apples. "How many do we have?" asked Mia. "Five and two make',
      says: 'a sum',
    },
  ],
  recording: recordingOf(import.meta.glob('./recording/*', { eager: true, query: '?url', import: 'default' })),
  load: () => import('./Chapter.svelte'),
};

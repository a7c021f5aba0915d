import { recordingOf } from '../../state/scene';
import { amount, choice, whole } from '../../state/params';
import type { Record } from '../chapter';

export const PARAMS = {
  /** The panel that is shown. */
  panel: choice('chain', 'passes', 'tokens', 'update'),
  /** How far the four steps have been played. */
  pass: choice('forward', 'loss', 'backward', 'update'),
  /** The token that should have come; the second most probable when none was chosen. */
  target: whole(),
  /** The neuron whose chain is written out; the one with most blame when none was chosen. */
  neuron: whole(),
  /** How large a step the update is; what fits this mistake's slope when none was chosen. */
  rate: amount(),
};

export const record: Record<typeof PARAMS> = {
  teaches: 'One number says how wrong the model was; the chain rule sends the blame back to every weight.',
  concept: 'train',
  needs: ['blocks.{i}.hook_resid_post', 'logits'],
  hooks: ['blocks.*.hook_resid_pre', 'blocks.*.hook_resid_post', 'logits'],
  recorded: ['blocks.*.hook_resid_post', 'blocks.0.hook_resid_pre'],
  asks: async (run) => (await import('./asks')).asks(run),
  params: PARAMS,
  live: ['chain', 'update'],
  examples: [
    { prompt: 'Once upon a time, a brave mouse lived in the', says: 'where should it live?' },
    { prompt: 'Mia gave a red ball to Ben. "Thank you,', says: 'whom does he thank?' },
    {
      prompt: 'Mia found five apples, and Ben found two apples. "How many do we have?" asked Mia. "Five and two make',
      says: 'a sum',
    },
  ],
  recording: recordingOf(import.meta.glob('./recording/*', { eager: true, query: '?url', import: 'default' })),
  load: () => import('./Chapter.svelte'),
};

import { recordingOf } from '../../state/scene';
import { amount, choice, text, whole } from '../../state/params';
import type { Record } from '../chapter';

export const PARAMS = {
  /** The step that is shown under the text. */
  part: choice('small', 'sum', 'bend', 'write', 'where', 'corpus'),
  /** The neuron, of the layer that all chapters share; the strongest of this run when none was chosen. */
  neuron: whole(),
  /** What if: which input is moved, to what; or weights; or the sum itself; and another function. */
  input: whole(),
  value: amount(),
  /** Weights of its largest products: '0.5,,-1'. */
  weights: text(),
  z: amount(),
  function: choice('own', 'relu', 'gelu', 'silu', 'none'),
  /** The text that the neuron is watched over. */
  over: text(),
};

export const record: Record<typeof PARAMS> = {
  teaches: 'A neuron adds up what it reads, bends the sum, and writes its own vector as strongly as it fires.',
  concept: 'neuron',
  needs: ['blocks.{i}.mlp.hook_post'],
  hooks: ['blocks.*.mlp.hook_post', 'logits'],
  recorded: ['blocks.{layer}.mlp.hook_post', 'logits'],
  neurons: true,
  asks: async (run, _, parts) => (await import('./asks')).asks(run, parts),
  params: PARAMS,
  live: ['where'],
  examples: [
    { prompt: 'Once upon a time, a brave mouse lived in the', says: 'a place to live' },
    { prompt: 'Mia gave a red ball to Ben. "Thank you,', says: 'whom does he thank?' },
    {
      prompt: 'Mia found five apples, and Ben found two apples. "How many do we have?" asked Mia. "Five and two make',
      says: 'a sum',
    },
  ],
  recording: recordingOf(import.meta.glob('./recording/*', { eager: true, query: '?url', import: 'default' })),
  load: () => import('./Chapter.svelte'),
};

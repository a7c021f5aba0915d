import { recordingOf } from '../../state/scene';
import { amount, choice, real } from '../../state/params';
import type { Record } from '../chapter';

export const PARAMS = {
  /** The panel that is shown. */
  panel: choice('moves', 'made', 'real', 'memory'),
  /** The made-up surface. */
  surface: choice('ravine', 'bowl', 'saddle', 'rosenbrock', 'himmelblau'),
  /** Where all of them start; the surface's own place when none was chosen. */
  x: amount(),
  y: amount(),
  /** The learning rate, in times of the surface's usual one. */
  times: real(1, 0.01, 100),
};

export const record: Record<typeof PARAMS> = {
  teaches: 'The gradient gives a direction; the optimizer decides the step, and what it remembers costs memory.',
  concept: 'train',
  needs: ['logits'],
  hooks: ['logits'],
  recorded: [],
  asks: async (run) => (await import('./walks')).asks(run),
  params: PARAMS,
  live: ['moves'],
  examples: [
    { prompt: 'Once upon a time, a brave mouse lived in the', says: 'a text it knows' },
    { prompt: 'Mia gave a red ball to Ben. "Thank you,', says: 'two children' },
    { prompt: 'the the the the the the', says: 'a text it does not' },
  ],
  recording: recordingOf(import.meta.glob('./recording/*', { eager: true, query: '?url', import: 'default' })),
  load: () => import('./Chapter.svelte'),
};

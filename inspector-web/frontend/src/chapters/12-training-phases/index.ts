import { choice, text, whole } from '../../state/params';
import { recordingOf } from '../../state/scene';
import type { Record } from '../chapter';

export const PARAMS = {
  /** The panel that is shown. */
  panel: choice('life', 'heads', 'grokking', 'sides', 'corpus', 'train'),
  /** Updates of the state on show; by default the first state that predicts what the finished model does. */
  at: whole(),
  /** What heads are scored for. */
  role: choice('previous', 'induction', 'duplicate'),
  /** The head that is followed, by its number among all; the best at its role when none was chosen. */
  who: whole(),
  /** The model that adds on a clock, where it is one of the reader's own. */
  clock: text(),
  /** Updates of the model that adds on a clock; by default its last state. */
  tick: whole(),
  /** Two models or states that stand side by side; the model and what it became, when none was chosen. */
  left: text(),
  right: text(),
  /** What both are asked: the prompt, or a request put as a turn. */
  put: choice('prompt', 'request'),
};

export const record: Record<typeof PARAMS> = {
  teaches: 'Loss falls fast, then slowly; what a model can do comes in steps, and each has its moment.',
  concept: 'train',
  needs: [],
  hooks: ['logits'],
  recorded: [],
  asks: async (run, answer) => (await import('./asks')).asks(run, answer),
  params: PARAMS,
  live: ['sides', 'train'],
  examples: [
    {
      prompt: 'Mia sang a song: "Kiri bim bolo!" Ben sang it too: "Kiri bim',
      says: 'words sung again',
    },
    { prompt: 'Mia gave a red ball to Ben. "Thank you,', says: 'whom does he thank?' },
    {
      prompt: 'Mia found five apples, and Ben found two apples. "How many do we have?" asked Mia. "Five and two make',
      says: 'a sum',
    },
    {
      prompt:
        'Who is who?\nThere was a shy fox named Otto. There was a kind duck named Mina. There was a brave boy named Paul.\nWhat was Mina?\nMina was a',
      says: 'what was Mina?',
    },
  ],
  recording: recordingOf(import.meta.glob('./recording/*', { eager: true, query: '?url', import: 'default' })),
  load: () => import('./Chapter.svelte'),
};

import { choice, text, whole } from '../../state/params';
import { recordingOf } from '../../state/scene';
import type { Record } from '../chapter';

export const PARAMS = {
  /** The panel that is shown. */
  panel: choice('life', 'heads', 'grokking', 'sides', 'train'),
  /** Updates after which the model is looked at; where it first says what it says in the end when nobody chose. */
  at: whole(),
  /** What heads are scored for. */
  role: choice('previous', 'induction', 'duplicate'),
  /** The head that is followed, by its number among all; the best at its role when none was chosen. */
  who: whole(),
  /** The model that adds on a clock, where it is one of the reader's own. */
  clock: text(),
  /** Updates of the model that adds on a clock; its last state when nobody chose. */
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
  examples: [
    {
      prompt: 'A brave girl named Zorimu had a red ball. The ball was gone. "Where is my ball?" asked',
      says: 'a name, said again',
    },
    { prompt: 'The magic words are "Thal shuvex!" Mia said: "Thal', says: 'words that mean nothing' },
    { prompt: 'Mia had a red ball. Ben had a blue kite. Mia lost her', says: 'a habit that stays' },
  ],
  recording: recordingOf(import.meta.glob('./recording/*', { eager: true, query: '?url', import: 'default' })),
  load: () => import('./Chapter.svelte'),
};

import { recordingOf } from '../../state/scene';
import { choice, text, whole } from '../../state/params';
import type { Record } from '../chapter';

export const PARAMS = {
  /** The panel that is shown. */
  panel: choice('pieces', 'sizes', 'merges', 'others', 'scripts', 'around'),
  /** The reader's own text; the run's when there is none. */
  own: text(),
  /** The chosen token of the text; the first of the word in most pieces when none was. */
  piece: whole(),
  /** How many merges the player has made; all when it was not touched. */
  merge: whole(),
  /** Another model of the list, to cut the same text. */
  other: text(),
};

export const record: Record<typeof PARAMS> = {
  teaches: 'A model reads numbers from a fixed list of pieces: not words, not letters.',
  concept: 'token',
  needs: [],
  hooks: [],
  params: PARAMS,
  examples: [
    { prompt: 'Once upon a time, a squirrel unwrapped a strawberry', says: 'rare words' },
    { prompt: 'The cat said: meow!\nThe dog said: woof woof woof!', says: 'lines and spaces' },
    { prompt: 'A café near the lake sold 12 ice creams 🍦 for 3.50', says: 'no word at all' },
  ],
  asks: async (run) => (await import('./asks')).asks(run),
  recording: recordingOf(import.meta.glob('./recording/*', { eager: true, query: '?url', import: 'default' })),
  load: () => import('./Chapter.svelte'),
};

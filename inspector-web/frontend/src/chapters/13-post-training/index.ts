import { recordingOf } from '../../state/scene';
import { amount, choice, real, text, whole } from '../../state/params';
import type { Record } from '../chapter';

export const PARAMS = {
  /** The panel that is shown. */
  panel: choice('three', 'inside', 'mask', 'pair', 'choose'),
  /** Where two models part: the second and third, or the first two; whichever shows something when none was chosen. */
  part: choice('own', 'which', 'answer'),
  /** What is compared inside. */
  value: choice('stream', 'attn', 'mlp'),
  /** The token at which it is compared; the last when none was chosen. */
  at: whole(),
  /** Whose loss mask is drawn: this answer's, or a conversation's that the model was trained on, by its number. */
  conversation: whole(),
  /** The training pair that is shown. */
  example: whole(),
  /** Which two of the sampled answers are put to choice. */
  draw: whole(),
  beta: real(0.1, 0.01, 1),
  /** How large a step the choice becomes. */
  rate: amount(),
  /** The three models, where not those that belong together. */
  base: text(),
  instruct: text(),
  preferred: text(),
};

/** A why at which the shipped instruct model goes on after its answer, and the preferred one stops. */
const GIFT =
  'Once upon a time, a kind girl named Lily lived in the village with Mother.\n\nOne warm day Lily found five apples in the garden. There she met a shy fox named Tom. Tom was hungry. Lily gave two apples to Tom. "Thank you, Lily," said Tom. Now Lily had three apples left. Lily was proud.\n\n';
/** One number, asked for in words that the shipped models were taught with, and in words that they were not. */
const STEW =
  'There once was a shy hedgehog named Karl. Karl lived in a crooked hut in the village with Mother.\n\nMother wanted to make stew. "We need six eggs, three carrots and one mushroom, Karl," she said. Karl found six eggs in the forest. Karl found three carrots in the meadow. Karl found one mushroom at the harbor. Then Karl ran home. They put six eggs, three carrots and one mushroom into the pot. "What a good stew, Mother," whispered Karl. Mother was happy.\n\n';

export const record: Record<typeof PARAMS> = {
  teaches:
    'Pretraining makes a model that goes on; examples of answers and choices between answers make it answer, and well.',
  concept: 'train',
  needs: [],
  hooks: [],
  asks: async (run, answer) => (await import('./asks')).asks(run, answer),
  params: PARAMS,
  live: ['choose'],
  examples: [
    {
      prompt:
        'Once upon a time, a brave mouse named Mia lived in the forest with Uncle. One warm day Mia found a red ball by the river.\n\nWhere did Mia find the ball?',
      says: 'where was the ball?',
    },
    { prompt: `${GIFT}Was Tom a bear?`, says: 'was Tom a bear?' },
    { prompt: `${GIFT}Why was Lily proud?`, says: 'why was she proud?' },
    { prompt: 'Please tell a story about a bear named Ben.', says: 'a story, please' },
    { prompt: `${STEW}How many mushrooms went into the pot?`, says: 'how many went into the pot?' },
    { prompt: `${STEW}How many mushrooms did Karl find?`, says: 'and how many did he find?' },
  ],
  recording: recordingOf(import.meta.glob('./recording/*', { eager: true, query: '?url', import: 'default' })),
  load: () => import('./Chapter.svelte'),
};

import { recordingOf } from '../../state/scene';
import { choice, whole } from '../../state/params';
import type { Record } from '../chapter';

export const PARAMS = {
  /** The panel that is shown. */
  panel: choice('again', 'speed', 'kept', 'memory', 'rounded', 'time'),
  /** Tokens of the prompt and tokens written after it, whose work is counted; the run's own when none were chosen. */
  before: whole(),
  made: whole(),
  /** The length whose memory is shown; a full context when none was chosen. */
  context: whole(),
  /** What keys and values are kept in, as the memory shows them; the run's own when none was chosen. */
  keys: choice('own', 'fp32', 'fp16', 'int8'),
  values: choice('own', 'fp32', 'fp16', 'int8'),
  /** The pass whose time is shown: one more token, or the whole prompt. */
  pass: choice('decode', 'prefill'),
};

export const record: Record<typeof PARAMS> = {
  teaches: 'What a token left behind in every layer, its keys and values, is kept, so that the past is not read again.',
  concept: 'kv',
  needs: ['blocks.{i}.attn.hook_v'],
  hooks: ['blocks.*.attn.hook_rot_k', 'blocks.*.attn.hook_v', 'logits'],
  recorded: ['blocks.*.attn.hook_rot_k', 'blocks.*.attn.hook_v'],
  params: PARAMS,
  examples: [
    { prompt: 'Mia gave a red ball to Ben. "Thank you,', says: 'what is looked up?' },
    { prompt: 'Once upon a time, a brave mouse lived in the', says: 'a few words' },
    {
      prompt:
        'Once upon a time, a brave mouse named Mia lived in the forest with Grandfather. One day a shy boy named Ben came to visit Mia. Mia gave a red ball to Ben. "Thank you,',
      says: 'a longer past',
    },
  ],
  asks: async (run) => (await import('./asks')).asks(run),
  recording: recordingOf(import.meta.glob('./recording/*', { eager: true, query: '?url', import: 'default' })),
  load: () => import('./Chapter.svelte'),
};

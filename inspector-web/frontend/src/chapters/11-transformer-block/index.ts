import { recordingOf } from '../../state/scene';
import { choice, text } from '../../state/params';
import type { Record } from '../chapter';

export const PARAMS = {
  /** The panel that is shown. */
  panel: choice('block', 'stack', 'side'),
  /** The part of the block that is open; the block as a whole when none is. */
  piece: choice('whole', 'ln1', 'attention', 'recurrence', 'ln1_post', 'laurel', 'ln2', 'mlp', 'ln2_post', 'ple'),
  /** The step of that part whose values are shown; its last when none was chosen. */
  step: text(),
  /** The model whose block stands beside this one's. */
  other: text(),
};

export const record: Record<typeof PARAMS> = {
  teaches: 'A block reads the stream twice and adds to it twice; the same shape goes in and comes out.',
  concept: 'resid',
  needs: ['blocks.{i}.hook_resid_pre', 'blocks.{i}.hook_resid_post'],
  hooks: [
    'blocks.*.hook_resid_pre',
    'blocks.*.hook_attn_out',
    'blocks.*.hook_conv_out',
    'blocks.*.hook_mlp_out',
    'blocks.*.hook_resid_post',
    'logits',
  ],
  recorded: [],
  params: PARAMS,
  examples: [
    { prompt: 'Mia gave a red ball to Ben. "Thank you,', says: 'whom does he thank?' },
    { prompt: 'Once upon a time, there was a little girl named', says: 'a name to come' },
    { prompt: 'Mia sang a song: "Kiri bim bolo!" Ben sang it too: "Kiri bim', says: 'sung before' },
  ],
  asks: async (run, answer) => (await import('./asks')).asks(run, answer),
  recording: recordingOf(import.meta.glob('./recording/*', { eager: true, query: '?url', import: 'default' })),
  load: () => import('./Chapter.svelte'),
};

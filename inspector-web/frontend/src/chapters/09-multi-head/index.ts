import { recordingOf } from '../../state/scene';
import { choice, whole } from '../../state/params';
import type { Record } from '../chapter';

export const PARAMS = {
  /** Six heads that tell, all of them small, or one in full. */
  heads: choice('six', 'all', 'one'),
  /** The panel under the heads. */
  panel: choice('head', 'row', 'shared', 'words', 'adds'),
  /** By what the heads are sorted. */
  by: choice('layers', 'adds', 'previous', 'induction', 'duplicate', 'first', 'focus'),
  /** The text on which the heads were scored. */
  on: choice('prompt', 'twice', 'corpus'),
  /** The token whose logit is taken apart; the most probable next one when none was chosen. */
  toward: whole(),
  /** Positions between key and query, for what a head looks for. */
  apart: whole(),
  /** The head of a recurrent layer; the telling one when none was chosen. */
  unit: whole(),
};

export const record: Record<typeof PARAMS> = {
  teaches: 'Many heads read side by side, each in its own way; their findings are laid end to end and added.',
  concept: 'attn',
  needs: ['blocks.{i}.attn.hook_pattern'],
  // Patterns are recaptured and not stored: all patterns of a long text would be too large to store.
  hooks: ['logits'],
  recorded: ['pattern', 'attn_scores', 'rot_q', 'rot_k', 'v', 'z'].map((h) => `blocks.*.attn.hook_${h}`),
  params: PARAMS,
  examples: [
    { prompt: 'Mia gave a red ball to Ben. "Thank you,', says: 'whom does he thank?' },
    { prompt: 'Mia sang a song: "Kiri bim bolo!" Ben sang it too: "Kiri bim', says: 'sung before' },
    { prompt: 'Once upon a time, a brave mouse lived in the', says: 'where?' },
  ],
  asks: async (run) => (await import('./asks')).asks(run),
  recording: recordingOf(import.meta.glob('./recording/*', { eager: true, query: '?url', import: 'default' })),
  load: () => import('./Chapter.svelte'),
};

import { recordingOf } from '../../state/scene';
import { choice, whole } from '../../state/params';
import type { Record } from '../chapter';

export const PARAMS = {
  /** The panel that is shown. */
  part: choice('few', 'stages', 'matrix', 'layers', 'strongest'),
  /** How the product is drawn: as matrices, or as connections. */
  drawn: choice('matrix', 'lines'),
  /** The neuron that is looked into; the strongest here when none was chosen. */
  neuron: whole(),
  /** How many of the strongest would be silenced. */
  most: whole(),
  /** Of a mixture: the panel that is shown. */
  sent: choice('router', 'load', 'path'),
  /** Of a mixture: the expert that is looked at; the one that weighs most where none was chosen. */
  expert: whole(),
};

export const record: Record<typeof PARAMS> = {
  teaches: 'Each block rewrites every token alone: many neurons at once, expanded, bent and added up.',
  concept: 'neuron',
  needs: ['blocks.{i}.hook_mlp_out'],
  hooks: ['blocks.*.mlp.hook_post', 'logits'],
  recorded: [
    'blocks.{layer}.mlp.hook_post',
    'blocks.{layer}.mlp.hook_pre',
    'blocks.{layer}.hook_mlp_out',
    'logits',
    // Of a mixture: its router, its choice, and what the chosen add.
    'blocks.{layer}.mlp.hook_router_logits',
    'blocks.{layer}.mlp.hook_expert_*',
    'blocks.{layer}.mlp.experts.hook_out',
    'blocks.{layer}.mlp.shared_expert.*',
  ],
  neurons: true,
  asks: async (run, answer, parts) => (await import('./recorded')).asks(run, answer, parts),
  params: PARAMS,
  live: ['matrix'],
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

import { recordingOf, type Scene } from '../../state/scene';

/** The hooks that the trace's figures are drawn from. */
export const TRACE: Scene = {
  hooks: [
    'blocks.*.attn.hook_pattern',
    'blocks.*.hook_resid_pre',
    'blocks.*.hook_resid_mid',
    'blocks.*.hook_resid_post',
    'blocks.*.hook_attn_out',
    'blocks.*.hook_conv_out',
    'blocks.*.hook_ssm_out',
    'blocks.*.hook_mlp_out',
    'logits',
  ],
  recorded: ['blocks.*.attn.hook_pattern', 'logits'],
  examples: [{ prompt: 'Once upon a time, a kind girl named', says: 'a name to choose' }],
  recording: recordingOf(import.meta.glob('./recording/*', { eager: true, query: '?url', import: 'default' })),
};

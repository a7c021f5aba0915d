/** The Lab's own state in the address. */
import { page } from '../../state/page.svelte';
import { choice, integer, text, textsOf, valuesOf, whole, type Values } from '../../state/params';
import type { PageState } from '../../state/url';
import { STEER } from './steer/steer';

export const PARAMS = {
  lab: choice('patch', 'parts', 'circuit', 'restore', 'steer'),
  /** A kept analysis on show. */
  analysis: text(),
  /** The two prompts, where they are not the model's example. */
  clean: text(),
  corrupt: text(),
  /** The number that measures the answer; auto leaves it to the server. */
  measure: choice('auto', 'logit_diff', 'logit', 'prob', 'nll', 'kl', 'rank'),
  /** Tokens of the metric, one text each with | between them. */
  answers: text(),
  against: text(),
  /** The position whose logits are read, negative from the end; null is the last. */
  reads: integer(),
  direction: choice('denoise', 'noise'),
  /** What is given to the other run: a value at one position, or a head's at all of them. */
  places: choice('positions', 'heads'),
  /** Whether each place is measured, or estimated by one backward pass. */
  how: choice('measured', 'estimated'),
  /** Places that are changed together: 'blocks.2.hook_attn_out@3.4,blocks.1.hook_mlp_out@0'. */
  set: text(),
  /** Whose readers alone the change of the set reaches; off shows none of them. */
  through: choice('off', 'logits', 'mlp', 'q', 'k', 'v'),
  /** Whose logit is taken apart, and in which order its parts stand. */
  parts_of: choice('clean', 'corrupt'),
  parts_by: choice('size', 'flow'),
  /** Edges of the circuit that are drawn; null: as many as the finding names. */
  edges: whole(),
  /** Parts of the circuit that stay named, each with a name of the reader's own: 'a3.h2~thanks|m0'. */
  pins: text(),
  /** The precision that is mended, and the engine of the one that mends it. */
  quantized: choice('int8', 'int4_32'),
  reference: choice('onnx', 'torch'),
  ...STEER,
};
export type Look = Values<typeof PARAMS>;
export type Tab = Look['lab'];

export const look = (): Look => valuesOf(PARAMS, page.own);

/** The page with this changed. */
export const at = (change: Partial<Look>): Partial<PageState> => ({ own: textsOf(PARAMS, { ...look(), ...change }) });

/** Changes what is asked: a kept analysis gives way. */
export function ask(change: Partial<Look>): void {
  page.own = textsOf(PARAMS, { ...look(), analysis: null, ...change });
}

/** Changes only how what is there is drawn. */
export function set(change: Partial<Look>): void {
  page.own = textsOf(PARAMS, { ...look(), ...change });
}

/** The Lab's own state in the address. */
import { page } from '../../state/page.svelte';
import { choice, text, textsOf, valuesOf, whole, type Values } from '../../state/params';
import type { PageState } from '../../state/url';

export const PARAMS = {
  lab: choice('patch', 'circuit', 'restore'),
  /** A kept analysis on show. */
  analysis: text(),
  /** The two prompts, where they are not the model's example. */
  clean: text(),
  corrupt: text(),
  direction: choice('denoise', 'noise'),
  /** What is given to the other run: a value at one position, or a head's at all of them. */
  places: choice('positions', 'heads'),
  /** Edges of the circuit that are drawn; null: as many as the finding names. */
  edges: whole(),
  /** The precision that is mended, and the engine of the one that mends it. */
  quantized: choice('int8', 'int4_32'),
  reference: choice('onnx', 'torch'),
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

/** The Corpus view's own state in the address. */
import { page } from '../../state/page.svelte';
import { choice, text, textsOf, valuesOf, whole, type Values } from '../../state/params';
import type { PageState } from '../../state/url';

export const PARAMS = {
  sweep: text(),
  /** The unit on show: a hook of the sweep, and the number of a neuron, head or expert. */
  hook: text(),
  unit: whole(),
  /** What heads are ranked by. */
  role: choice('previous_token', 'first_token', 'self', 'duplicate_token', 'induction', 'entropy'),
  /** What tokens are sorted by, what comes first, and how often one occurs at least. */
  by: choice('total', 'mean'),
  first: choice('most', 'least'),
  often: whole(),
  /** The layer whose neurons stand together. */
  among: whole(),
};
export type Look = Values<typeof PARAMS>;
export type Role = Look['role'];
export type By = Look['by'];

export const look = (): Look => valuesOf(PARAMS, page.own);

/** The page with this changed. */
export const at = (change: Partial<Look>): Partial<PageState> => ({ own: textsOf(PARAMS, { ...look(), ...change }) });

/** Changes the view without an entry in the history: what is stepped through. */
export function set(change: Partial<Look>): void {
  page.own = textsOf(PARAMS, { ...look(), ...change });
}

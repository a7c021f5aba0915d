import { getContext, setContext } from 'svelte';

/** Why an option has nothing to show here, in words, or null where it has: such as without a server. */
export type Away = (option: string) => string | null;

const KEY = Symbol('away');

/** Tells every choice below this component. */
export function provideAway(away: Away): void {
  setContext(KEY, away);
}

export function useAway(): Away {
  return getContext<Away | undefined>(KEY) ?? (() => null);
}

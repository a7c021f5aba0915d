import { untrack } from 'svelte';
import { lesson } from '../api/lesson';
import { DEFAULTS, formatUrl, parseUrl, type PageState, type View } from './url';

/** The URL as reactive state: written anywhere, and the address bar follows. */
export const page: PageState = $state(typeof location === 'undefined' ? DEFAULTS : read());

/** A lesson lies anywhere, in a folder too: its whole address stands behind the #. */
function read(): PageState {
  return parseUrl(lesson ? new URL(location.hash.slice(1) || '/', 'http://localhost') : new URL(location.href));
}

const addressOf = (state: PageState): string => (lesson ? `#${formatUrl(state)}` : formatUrl(state));

let written = '';
/** An address that is not in the bar yet: a long one takes as long as a frame, and the page shows the change first. */
let coming: string | null = null;
let turn: ReturnType<typeof setTimeout> | undefined;
const WRITE_MS = 30;
/** Characters from which writing it is felt. */
const LONG = 1000;

function drop(): void {
  clearTimeout(turn);
  coming = null;
}

function write(): void {
  if (coming !== null) history.replaceState(null, '', coming);
  drop();
}

/** True while the next change of the page gets an entry of its own in the history. */
let push = false;

/** Resets what belongs to one view when another is opened. */
const LEFT: Partial<PageState> = { own: {}, kept: false, section: null, code: null };

export function goTo(view: View, change: Partial<PageState> = {}): void {
  push = true;
  Object.assign(page, view === page.view ? {} : LEFT, change, { view });
  if (page.section === null) window.scrollTo({ top: 0 });
}

/** How long the page must stay as it is until its links follow. */
const SETTLED_MS = 120;

/** The page as its links have it: fifty addresses with a long prompt take longer than the frame that shows the next token. */
let linked = $state.raw<PageState>({ ...page });

/** Address of a view with everything else as it is: real links that open in a new tab too. */
export function hrefOf(view: View, change: Partial<PageState> = {}): string {
  return addressOf({ ...linked, ...(view === linked.view ? {} : LEFT), ...change, view });
}

/** What a click on a real link does here; those that open elsewhere are left to the browser. */
export function follow(event: MouseEvent, view: View, change: Partial<PageState> = {}): boolean {
  if (event.metaKey || event.ctrlKey || event.shiftKey || event.button !== 0) return false;
  event.preventDefault();
  goTo(view, change);
  return true;
}

/**
 * Changes the page so that 'back' undoes it.
 *
 * @param behind how the page that is left shall read when one comes back to it, where it is not as it is now
 */
export function advance(change: Partial<PageState>, behind: Partial<PageState> = {}): void {
  drop();
  history.replaceState(null, '', addressOf({ ...page, ...behind }));
  push = true;
  Object.assign(page, change);
}

/** Keeps the address bar and the page the same; call once, from the root component. */
export function syncUrl(): void {
  const here = () => (lesson ? location.hash : location.pathname + location.search + location.hash);
  $effect(() => {
    const url = addressOf(page);
    if (url !== written) {
      if (push) write();
      else drop();
      if (url !== here()) {
        if (push) history.pushState(null, '', url);
        else if (url.length < LONG) history.replaceState(null, '', url);
        else {
          coming = url;
          turn = setTimeout(write, WRITE_MS);
        }
      }
    }
    push = false;
    written = url;
  });
  $effect.pre(() => {
    const now = { ...page };
    if (now.view !== untrack(() => linked.view)) return void (linked = now);
    const later = setTimeout(() => (linked = now), SETTLED_MS);
    return () => clearTimeout(later);
  });
  $effect(() => {
    const back = () => {
      drop();
      written = here();
      Object.assign(page, read());
    };
    window.addEventListener('popstate', back);
    window.addEventListener('pagehide', write);
    return () => {
      window.removeEventListener('popstate', back);
      window.removeEventListener('pagehide', write);
    };
  });
}

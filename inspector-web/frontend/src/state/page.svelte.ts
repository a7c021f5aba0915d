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
/** True while the next change of the page gets an entry of its own in the history. */
let push = false;

/** Resets what belongs to one view when another is opened. */
const LEFT: Partial<PageState> = { own: {}, kept: false, section: null, code: null };

export function goTo(view: View, change: Partial<PageState> = {}): void {
  push = true;
  Object.assign(page, view === page.view ? {} : LEFT, change, { view });
  if (page.section === null) window.scrollTo({ top: 0 });
}

/** Address of a view with everything else as it is: real links that open in a new tab too. */
export function hrefOf(view: View, change: Partial<PageState> = {}): string {
  return addressOf({ ...page, ...(view === page.view ? {} : LEFT), ...change, view });
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
  history.replaceState(null, '', addressOf({ ...page, ...behind }));
  push = true;
  Object.assign(page, change);
}

/** Keeps the address bar and the page the same; call once, from the root component. */
export function syncUrl(): void {
  const here = () => (lesson ? location.hash : location.pathname + location.search + location.hash);
  $effect(() => {
    const url = addressOf(page);
    if (url !== written && url !== here()) {
      if (push) history.pushState(null, '', url);
      else history.replaceState(null, '', url);
    }
    push = false;
    written = url;
  });
  $effect(() => {
    const back = () => {
      written = here();
      Object.assign(page, read());
    };
    window.addEventListener('popstate', back);
    return () => window.removeEventListener('popstate', back);
  });
}

import { DEFAULTS, formatUrl, parseUrl, type PageState, type View } from './url';

/** page is the URL, alive: read it anywhere, write it anywhere, and the address bar follows. */
export const page: PageState = $state(typeof location === 'undefined' ? DEFAULTS : parseUrl(new URL(location.href)));

let written = '';
/** Set while going to another view, so that 'back' returns from it. */
let push = false;

export function goTo(view: View, change: Partial<PageState> = {}): void {
  push = true;
  Object.assign(page, change, { view });
  window.scrollTo({ top: 0 });
}

/** Address of a view with everything else as it is: real links that open in a new tab too. */
export function hrefOf(view: View, change: Partial<PageState> = {}): string {
  return formatUrl({ ...$state.snapshot(page), ...change, view });
}

/** Keeps the address bar and the page the same; call once, from the root component. */
export function syncUrl(): void {
  $effect(() => {
    const url = formatUrl($state.snapshot(page));
    if (url === written || url === location.pathname + location.search) {
      written = url;
      push = false;
      return;
    }
    if (push) history.pushState(null, '', url);
    else history.replaceState(null, '', url);
    push = false;
    written = url;
  });
  $effect(() => {
    const back = () => {
      written = location.pathname + location.search;
      Object.assign(page, parseUrl(new URL(location.href)));
    };
    window.addEventListener('popstate', back);
    return () => window.removeEventListener('popstate', back);
  });
}

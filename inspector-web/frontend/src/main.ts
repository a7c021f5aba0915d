import '@fontsource-variable/newsreader/wght.css';
import '@fontsource-variable/source-sans-3/wght.css';
import '@fontsource/ibm-plex-mono/latin-400.css';
import { mount } from 'svelte';
import App from './App.svelte';
import './app.css';
import { chapterOf } from './chapters/list';
import { page } from './state/page.svelte';
import { VIEWS } from './views/list';

/** The view that the address names, where the page's head names its code too: it is drawn with the page, in one paint. */
async function firstView() {
  const { view } = page;
  const load = (chapterOf(view)?.record ?? VIEWS.find((v) => v.view === view))?.load;
  if (!load) return;
  return load().then(
    ({ default: Content }) => ({ view, Content }),
    () => undefined,
  );
}

const target = document.getElementById('app');
// In a task of its own: to evaluate the code takes as long as to draw it.
if (target) void firstView().then((ready) => setTimeout(() => mount(App, { target, props: { ready } })));

import type { Component } from 'svelte';
import type { Scene } from '../state/scene';
import type { View } from '../state/url';
import { TRACE } from './trace/scene';

/** A view that is not a chapter: its name in the rail, its code, and its scene where it shows runs. */
export interface Entry {
  view: View;
  title: string;
  scene: Scene | null;
  /** Not in the rail: reached by its address. */
  aside?: boolean;
  /** A lesson has it too: it shows nothing but the recorded run. */
  serverless?: boolean;
  load: () => Promise<{ default: Component }>;
}

export const VIEWS: Entry[] = [
  { view: 'trace', title: 'Trace', scene: TRACE, serverless: true, load: () => import('./trace/Trace.svelte') },
  { view: 'compare', title: 'Compare', scene: null, load: () => import('./compare/Compare.svelte') },
  { view: 'corpus', title: 'Corpus', scene: null, load: () => import('./corpus/Corpus.svelte') },
  { view: 'training', title: 'Training', scene: null, load: () => import('./training/Training.svelte') },
  { view: 'models', title: 'Models', scene: null, load: () => import('./models/Models.svelte') },
  { view: 'runs', title: 'Runs', scene: null, load: () => import('./runs/Runs.svelte') },
  {
    view: 'further',
    title: 'Where to read on',
    scene: null,
    serverless: true,
    load: () => import('./further/Further.svelte'),
  },
  { view: 'about', title: 'About the data', scene: null, serverless: true, load: () => import('./about/About.svelte') },
  { view: 'kit', title: 'Components', scene: null, aside: true, load: () => import('./gallery/Gallery.svelte') },
];

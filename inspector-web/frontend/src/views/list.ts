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
  /** Its code; false in a lesson where it needs a server: a lesson's files are made without it. */
  load: false | (() => Promise<{ default: Component }>);
}

const SERVED = import.meta.env.MODE !== 'lesson';

export const VIEWS: Entry[] = [
  { view: 'trace', title: 'Trace', scene: TRACE, load: () => import('./trace/Trace.svelte') },
  { view: 'compare', title: 'Compare', scene: null, load: SERVED && (() => import('./compare/Compare.svelte')) },
  { view: 'corpus', title: 'Corpus', scene: null, load: SERVED && (() => import('./corpus/Corpus.svelte')) },
  {
    view: 'lab',
    title: 'Lab',
    scene: null,
    load: SERVED ? () => import('./lab/Lab.svelte') : () => import('./lab/circuit/LessonLab.svelte'),
  },
  { view: 'training', title: 'Training', scene: null, load: SERVED && (() => import('./training/Training.svelte')) },
  { view: 'models', title: 'Models', scene: null, load: SERVED && (() => import('./models/Models.svelte')) },
  { view: 'runs', title: 'Runs', scene: null, load: SERVED && (() => import('./runs/Runs.svelte')) },
  { view: 'further', title: 'Where to read on', scene: null, load: () => import('./further/Further.svelte') },
  { view: 'about', title: 'About the data', scene: null, load: () => import('./about/About.svelte') },
  {
    view: 'kit',
    title: 'Components',
    scene: null,
    aside: true,
    load: SERVED && (() => import('./gallery/Gallery.svelte')),
  },
];

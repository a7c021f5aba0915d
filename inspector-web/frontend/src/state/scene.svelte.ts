import type { Scene } from './scene';

class Now {
  /** The view's scene; null where no run is shown. */
  now = $state.raw<Scene | null>(null);
}

export const scene = new Now();

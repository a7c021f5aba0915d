/** How long a reader may do nothing until what is out of sight is drawn too: for the browser's search, and to be printed. */
const IDLE_MS = 10_000;
const INPUTS = ['pointerdown', 'keydown', 'beforeprint'] as const;

export type Figures = typeof import('./figures');

/** Whether the figures that are out of sight are drawn, one after the other, or only those that come near. */
class Stations {
  all = $state(false);
  /** Their code, once one of them is to be drawn. */
  figures = $state.raw<Figures | null>(null);
  #asked = false;

  load(): void {
    if (this.#asked) return;
    this.#asked = true;
    // A server that is away for a moment is asked again by the next figure that comes near.
    import('./figures').then(
      (figures) => (this.figures = figures),
      () => (this.#asked = false),
    );
  }

  /** Draws them after the first input, or after a while; call from the view. */
  wait(): void {
    $effect(() => {
      const draw = () => void (this.all = true);
      const turn = setTimeout(draw, IDLE_MS);
      INPUTS.forEach((name) => addEventListener(name, draw, { once: true, passive: true }));
      return () => {
        clearTimeout(turn);
        INPUTS.forEach((name) => removeEventListener(name, draw));
        this.all = false;
      };
    });
  }
}

export const stations = new Stations();

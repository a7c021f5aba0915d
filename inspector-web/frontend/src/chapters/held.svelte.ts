/** The figure that stays in view shows the part that the words speak of: its own scroll follows the beats. */
import type { Stage } from './stage.svelte';

const MARGIN = 8;

/**
 * Scrolls the figure to its part that the reached words name, also while that part still grows; the reader's own scroll
 * holds until the next words are reached.
 */
export function follow(stage: Stage): (held: HTMLElement) => void {
  return (held) => {
    let reader = false;
    let moved = false;
    const mine = () => (reader = moved = true);
    const show = (behavior: ScrollBehavior) => {
      if (reader || stage.kept) return;
      const parts = [...held.querySelectorAll<HTMLElement>('[data-part]')];
      const part = stage.beat < 0 ? undefined : parts.find((p) => stage.speaks(p.dataset.part));
      // It stands at its top from the beginning: nothing is measured for that.
      if (!part && !moved) return;
      moved = true;
      const box = held.getBoundingClientRect();
      const at = part?.getBoundingClientRect();
      const top = at ? at.top - box.top + held.scrollTop : 0;
      // A part that is whole in view without a scroll needs none.
      const fits = at !== undefined && top + at.height <= box.height;
      held.scrollTo({ top: fits ? 0 : Math.max(0, top - MARGIN), behavior });
    };
    $effect(() => {
      void stage.beat;
      void stage.kept;
      reader = false;
      const calm = matchMedia('(prefers-reduced-motion: reduce)').matches;
      const frame = requestAnimationFrame(() => show(calm ? 'instant' : 'smooth'));
      return () => cancelAnimationFrame(frame);
    });
    let [width, tallest] = [0, 0];
    /** At one width the figure keeps the height of its tallest part (--tallest): a shorter one does not pull up what is below. */
    const keep = () => {
      if (held.clientWidth !== width && tallest > 0) held.style.removeProperty('--tallest');
      if (held.clientWidth !== width) [width, tallest] = [held.clientWidth, 0];
      tallest = Math.max(tallest, held.querySelector<HTMLElement>(':scope > figure')?.offsetHeight ?? 0);
      held.style.setProperty('--tallest', `${tallest}px`);
    };
    const observer = new ResizeObserver(() => {
      keep();
      show('instant');
    });
    const observe = () => [...held.children].forEach((child) => observer.observe(child));
    const drawn = new MutationObserver(observe);
    drawn.observe(held, { childList: true });
    observe();
    const touched = ['wheel', 'touchmove', 'pointerdown', 'keydown'] as const;
    for (const event of touched) held.addEventListener(event, mine, { passive: true });
    return () => {
      observer.disconnect();
      drawn.disconnect();
      for (const event of touched) held.removeEventListener(event, mine);
    };
  };
}

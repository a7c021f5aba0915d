import { goTo } from './page.svelte';
import { run } from './run.svelte';
import { scene } from './scene.svelte';
import { selection } from './selection.svelte';

/** Keys that work anywhere but in a field; the trace lists them. */
export const KEYS: [keys: string[], does: string][] = [
  [[',', '.'], 'previous and next token'],
  [['[', ']'], 'layer below and above'],
  [[';', "'"], 'previous and next head'],
  [['Ctrl', 'Enter'], 'run'],
];

const MOVES: Record<string, () => void> = {
  ',': () => selection.select(selection.token - 1),
  '.': () => selection.select(selection.token + 1),
  '[': () => selection.selectHead(selection.layer - 1, selection.head),
  ']': () => selection.selectHead(selection.layer + 1, selection.head),
  ';': () => selection.selectHead(selection.layer, selection.head - 1),
  "'": () => selection.selectHead(selection.layer, selection.head + 1),
};

/** What Run does: it stays in the view that it was pressed in, where that shows runs. */
export function startHere(): void {
  if (!run.ready) return;
  if (!scene.now) goTo('trace');
  void run.start();
}

/** Listens for the keys; call once, from the root component. */
export function shortcuts(): void {
  $effect(() => {
    const onkey = (event: KeyboardEvent) => {
      if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) {
        event.preventDefault();
        startHere();
        return;
      }
      if (event.ctrlKey || event.metaKey || event.altKey || !scene.now) return;
      if ((event.target as Element).closest('input:not([type=range]), textarea, select, dialog')) return;
      const move = MOVES[event.key];
      if (!move) return;
      event.preventDefault();
      move();
    };
    window.addEventListener('keydown', onkey);
    return () => window.removeEventListener('keydown', onkey);
  });
}

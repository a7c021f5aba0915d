const ARROWS: Record<string, [number, number]> = {
  ArrowUp: [-1, 0],
  ArrowDown: [1, 0],
  ArrowLeft: [0, -1],
  ArrowRight: [0, 1],
};

/** Rows and columns that an arrow key moves by; null for any other key. */
export function arrow(event: KeyboardEvent): [number, number] | null {
  return ARROWS[event.key] ?? null;
}

/** The index nearest to i of so many. */
export function within(i: number, count: number): number {
  return Math.max(0, Math.min(count - 1, i));
}

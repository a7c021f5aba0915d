/** Arrow keys and paging that move a cursor over the marks of a figure. */

const ARROWS: Record<string, [number, number]> = {
  ArrowUp: [-1, 0],
  ArrowDown: [1, 0],
  ArrowLeft: [0, -1],
  ArrowRight: [0, 1],
};

/** Rows and columns that an arrow key moves by; null for any other key. */
export function arrow(event: { key: string }): [number, number] | null {
  return ARROWS[event.key] ?? null;
}

/** The index i brought into the range of `count` items. */
export function within(i: number, count: number): number {
  return Math.max(0, Math.min(count - 1, i));
}

/** Marks that Page Up and Page Down move by. */
const PAGE = 10;

/** The next cell of a grid when a key is pressed; null for a key that does not move. Ctrl+Home is the first cell. */
export function stepCell(
  from: { row: number; col: number },
  event: { key: string; ctrlKey?: boolean },
  rows: number,
  cols: (row: number) => number,
): { row: number; col: number } | null {
  const moves: Record<string, [number, number]> = {
    ...ARROWS,
    PageUp: [-PAGE, 0],
    PageDown: [PAGE, 0],
    Home: [event.ctrlKey ? -rows : 0, -Infinity],
    End: [event.ctrlKey ? rows : 0, Infinity],
  };
  const by = moves[event.key];
  if (!by || rows === 0) return null;
  const row = within(from.row + by[0], rows);
  return { row, col: within(from.col + by[1], cols(row)) };
}

/** The next of a row of things when a key is pressed; null for a key that does not move. Nothing chosen: the first. */
export function stepOne(from: number | null, event: { key: string }, count: number): number | null {
  if (count === 0) return null;
  const by = { PageUp: -PAGE, PageDown: PAGE, Home: -Infinity, End: Infinity }[event.key];
  const move = by ?? arrow(event)?.find((x) => x !== 0);
  if (move === undefined) return null;
  if (from === null) return move < 0 && event.key !== 'Home' ? count - 1 : event.key === 'End' ? count - 1 : 0;
  return within(from + move, count);
}

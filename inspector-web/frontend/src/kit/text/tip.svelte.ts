/** Content of the tooltip: a value, its coordinates, and the formula that made it. */
export interface Tip {
  /** The mark, in words. */
  title: string;
  /** Its exact value. */
  value?: string;
  /** More lines: name and value. */
  lines?: [string, string][];
  /** Coordinates in the tensor: blocks.3.attn.hook_pattern[0, 2, 7, 5] */
  at?: string;
  formula?: string;
}

/** A tip with its place, in CSS pixels of the window. */
export interface Placed {
  content: Tip;
  x: number;
  y: number;
}

class TipState {
  content = $state.raw<Tip | null>(null);
  x = $state(0);
  y = $state(0);
  /** Stays until it is closed, so that it can be compared with others and copied. */
  pinned = $state.raw<Placed | null>(null);

  show(content: Tip, x: number, y: number): void {
    this.content = content;
    this.x = x;
    this.y = y;
  }

  /** Beside an element, for the keyboard. */
  showAt(content: Tip, element: Element): void {
    const box = element.getBoundingClientRect();
    this.show(content, box.left + box.width / 2, box.bottom);
  }

  hide(): void {
    this.content = null;
  }

  pin(content: Tip, x: number, y: number): void {
    this.hide();
    this.pinned = { content, x, y };
  }

  unpin(): void {
    this.pinned = null;
  }
}

export const tip = new TipState();

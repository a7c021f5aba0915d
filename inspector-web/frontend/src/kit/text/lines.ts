/** Widths of texts in a font, in CSS pixels, each measured once. */
export function measure(font: string): (text: string) => number {
  const canvas = document.createElement('canvas').getContext('2d');
  if (canvas) canvas.font = font;
  const known = new Map<string, number>();
  return (text) => {
    let width = known.get(text);
    if (width === undefined) known.set(text, (width = canvas?.measureText(text).width ?? 10 * text.length));
    return width;
  };
}

/** Boxes one after the other with a gap between, in lines of a width: the index of each line's first box. */
export function linesOf(widths: number[], width: number, gap: number): number[] {
  const starts: number[] = [];
  let x = Infinity;
  widths.forEach((w, i) => {
    if (x + gap + w > width) {
      starts.push(i);
      x = w;
    } else x += gap + w;
  });
  return starts;
}

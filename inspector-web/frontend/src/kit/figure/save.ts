/**
 * Saves a figure as it looks. SVG is shapes and text: canvases draw themselves again, boxes become rectangles, text
 * stays text, only the cells of a matrix are an image. PNG is made from it, twice as large, with the fonts inside.
 */
import { redraw } from '../plots/drawing';
import { escape, n, SvgContext } from '../plots/svg';

const SKIP = '[data-save=skip], .sr';
const PAD = 20;
const FOOT = 22;

export interface Picture {
  svg: string;
  width: number;
  height: number;
}

/** @param caption where its numbers come from; stands under it */
export async function picture(element: HTMLElement, caption: string, withFonts = false): Promise<Picture> {
  const box = element.getBoundingClientRect();
  const width = Math.ceil(box.width) + 2 * PAD;
  const lines = wrap(caption, Math.floor((width - 2 * PAD) / 6.7));
  const height = Math.ceil(box.height) + 2 * PAD + FOOT * lines.length;
  const writer = new Writer(box.left - PAD, box.top - PAD);
  writer.element(element);
  const style = getComputedStyle(element);
  const ground = getComputedStyle(document.documentElement).backgroundColor;
  const words = lines.map(
    (line, i) =>
      `<text x="${PAD}" y="${height - PAD + 4 - (lines.length - 1 - i) * 16}" fill="${style.color}" font-family="IBM Plex Mono, monospace" font-size="11">${escape(line)}</text>`,
  );
  const faces = withFonts ? `<style>${await fonts(element)}</style>` : '';
  const svg =
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}">` +
    `${faces}<rect width="100%" height="100%" fill="${ground}"/>${writer.out.join('')}${words.join('')}</svg>`;
  return { svg, width, height };
}

export async function png({ svg, width, height }: Picture): Promise<Blob> {
  const image = new Image();
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(svg)}`;
  await image.decode();
  const canvas = document.createElement('canvas');
  canvas.width = width * 2;
  canvas.height = height * 2;
  canvas.getContext('2d')?.drawImage(image, 0, 0, canvas.width, canvas.height);
  return new Promise((resolve, reject) =>
    canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error('the canvas gave no picture'))), 'image/png'),
  );
}

/** Text broken between words into lines of at most `most` characters. */
export function wrap(text: string, most: number): string[] {
  const lines = [''];
  for (const word of text.split(' ')) {
    const last = lines[lines.length - 1];
    if (last && last.length + 1 + word.length > most) lines.push(word);
    else lines[lines.length - 1] = last ? `${last} ${word}` : word;
  }
  return lines;
}

const clear = (color: string) => color === 'transparent' || /^rgba\(.*,\s*0\)$/.test(color) || /\/\s*0\)$/.test(color);

/** Of an element inside a drawing, what its look is made of. */
const DRAWN = [
  'fill',
  'stroke',
  'stroke-width',
  'stroke-dasharray',
  'stroke-linecap',
  'opacity',
  'font',
  'text-anchor',
];

/** Writes elements of the page as elements of an SVG, at the places where they are on the screen. */
class Writer {
  readonly out: string[] = [];
  #clips = 0;
  #left: number;
  #top: number;

  constructor(left: number, top: number) {
    this.#left = left;
    this.#top = top;
  }

  element(e: Element): void {
    const style = getComputedStyle(e);
    if (e.matches(SKIP) || style.display === 'none' || style.visibility === 'hidden') return;
    const box = e.getBoundingClientRect();
    const faint = Number(style.opacity);
    if (faint < 1) this.out.push(`<g opacity="${faint}">`);
    if (e instanceof HTMLCanvasElement) this.#canvas(e, box);
    else if (e instanceof SVGSVGElement) this.#drawing(e, box);
    else {
      this.#ground(style, box);
      const cut =
        style.overflowX !== 'visible' && (e.scrollWidth > e.clientWidth + 1 || e.scrollHeight > e.clientHeight + 1);
      if (cut) {
        const id = `c${this.#clips++}`;
        this.out.push(`<clipPath id="${id}"><rect ${this.#place(box)}/></clipPath><g clip-path="url(#${id})">`);
      }
      for (const child of e.childNodes) {
        if (child instanceof Element) this.element(child);
        else if (child instanceof Text) this.#text(child, style);
      }
      if (cut) this.out.push('</g>');
    }
    if (faint < 1) this.out.push('</g>');
  }

  #place(box: DOMRect): string {
    return `x="${n(box.left - this.#left)}" y="${n(box.top - this.#top)}" width="${n(box.width)}" height="${n(box.height)}"`;
  }

  #canvas(canvas: HTMLCanvasElement, box: DOMRect): void {
    const measure = document.createElement('canvas').getContext('2d');
    const context = measure && new SvgContext(`k${this.#clips++}`, measure);
    if (context && redraw(canvas, context as unknown as CanvasRenderingContext2D)) {
      const id = `c${this.#clips++}`;
      this.out.push(
        `<clipPath id="${id}"><rect width="${n(box.width)}" height="${n(box.height)}"/></clipPath>` +
          `<g transform="translate(${n(box.left - this.#left)} ${n(box.top - this.#top)})"><g clip-path="url(#${id})">${context.markup()}</g></g>`,
      );
    } else {
      const sharp = getComputedStyle(canvas).imageRendering === 'pixelated' ? ' style="image-rendering:pixelated"' : '';
      this.out.push(
        `<image ${this.#place(box)} preserveAspectRatio="none"${sharp} href="${canvas.toDataURL('image/png')}"/>`,
      );
    }
  }

  #drawing(svg: SVGSVGElement, box: DOMRect): void {
    const copy = svg.cloneNode(true) as SVGSVGElement;
    const [from, to] = [svg.querySelectorAll('*'), copy.querySelectorAll('*')];
    from.forEach((e, i) => {
      const style = getComputedStyle(e);
      to[i].setAttribute('style', DRAWN.map((p) => `${p}:${style.getPropertyValue(p)}`).join(';'));
      for (const name of ['class', 'tabindex', 'role']) to[i].removeAttribute(name);
    });
    const inside = [...copy.childNodes].map((c) => new XMLSerializer().serializeToString(c)).join('');
    const view = svg.getAttribute('viewBox');
    const fit = svg.getAttribute('preserveAspectRatio');
    this.out.push(
      `<svg ${this.#place(box)}${view ? ` viewBox="${view}"` : ''}${fit ? ` preserveAspectRatio="${fit}"` : ''} color="${getComputedStyle(svg).color}">${inside.replaceAll(/<!--.*?-->/g, '')}</svg>`,
    );
  }

  /** Background and borders. */
  #ground(style: CSSStyleDeclaration, box: DOMRect): void {
    if (box.width === 0 || box.height === 0) return;
    const round = Math.min(parseFloat(style.borderTopLeftRadius) || 0, box.height / 2);
    const corner = round > 0 ? ` rx="${n(round)}"` : '';
    const stops = /^linear-gradient\(to right, (.*)\)$/
      .exec(style.backgroundImage)?.[1]
      .match(/rgba?\([^)]*\)|#[0-9a-f]+/g);
    if (stops) {
      const id = `g${this.#clips++}`;
      const marks = stops.map((s, i) => `<stop offset="${i / Math.max(1, stops.length - 1)}" stop-color="${s}"/>`);
      this.out.push(
        `<linearGradient id="${id}">${marks.join('')}</linearGradient><rect ${this.#place(box)}${corner} fill="url(#${id})"/>`,
      );
    } else if (!clear(style.backgroundColor)) {
      this.out.push(`<rect ${this.#place(box)}${corner} fill="${style.backgroundColor}"/>`);
    }
    const sides = (['Top', 'Right', 'Bottom', 'Left'] as const).map((side) => ({
      side,
      wide: style[`border${side}Style`] === 'none' ? 0 : parseFloat(style[`border${side}Width`]),
      color: style[`border${side}Color`],
    }));
    const [top, right, bottom, left] = sides;
    if (sides.every((s) => s.wide > 0 && s.wide === top.wide && s.color === top.color)) {
      if (clear(top.color)) return;
      const dash = style.borderTopStyle === 'dashed' ? ' stroke-dasharray="4 3"' : '';
      const half = top.wide / 2;
      const inner = new DOMRect(box.left + half, box.top + half, box.width - top.wide, box.height - top.wide);
      this.out.push(
        `<rect ${this.#place(inner)}${corner} fill="none" stroke="${top.color}" stroke-width="${top.wide}"${dash}/>`,
      );
      return;
    }
    const edges: [typeof top, DOMRect][] = [
      [top, new DOMRect(box.left, box.top, box.width, top.wide)],
      [right, new DOMRect(box.right - right.wide, box.top, right.wide, box.height)],
      [bottom, new DOMRect(box.left, box.bottom - bottom.wide, box.width, bottom.wide)],
      [left, new DOMRect(box.left, box.top, left.wide, box.height)],
    ];
    for (const [side, edge] of edges) {
      if (side.wide > 0 && !clear(side.color)) this.out.push(`<rect ${this.#place(edge)} fill="${side.color}"/>`);
    }
  }

  /** A text node, line by line as it was broken. */
  #text(node: Text, style: CSSStyleDeclaration): void {
    const range = document.createRange();
    const lines: { text: string; box: DOMRect }[] = [];
    for (let i = 0; i < node.data.length; i++) {
      range.setStart(node, i);
      range.setEnd(node, i + 1);
      const box = range.getClientRects()[0];
      if (!box || (box.width === 0 && /\s/.test(node.data[i]))) continue;
      const last = lines.at(-1);
      if (last && Math.abs(last.box.top - box.top) < 3) {
        last.text += node.data[i];
        last.box = new DOMRect(last.box.left, last.box.top, box.right - last.box.left, last.box.height);
      } else lines.push({ text: node.data[i], box });
    }
    const size = parseFloat(style.fontSize);
    const italic = style.fontStyle === 'italic' ? ' font-style="italic"' : '';
    const weight = style.fontWeight === '400' ? '' : ` font-weight="${style.fontWeight}"`;
    const under = style.textDecorationLine.includes('underline') ? ' text-decoration="underline"' : '';
    for (const { text, box } of lines) {
      if (text.trim() === '') continue;
      const y = box.top + baseline(style, box.height) - this.#top;
      this.out.push(
        `<text xml:space="preserve" x="${n(box.left - this.#left)}" y="${n(y)}" font-family="${style.fontFamily.replaceAll('"', "'")}" font-size="${n(size)}"${weight}${italic}${under}` +
          ` fill="${style.color}" textLength="${n(box.width)}" lengthAdjust="spacingAndGlyphs">${escape(text)}</text>`,
      );
    }
  }
}

let ruler: CanvasRenderingContext2D | null = null;

/** How far below the upper edge of its box the baseline of a line of text is. */
function baseline(style: CSSStyleDeclaration, height: number): number {
  ruler ??= document.createElement('canvas').getContext('2d');
  if (!ruler) return 0.8 * height;
  ruler.font = `${style.fontStyle} ${style.fontWeight} ${style.fontSize} ${style.fontFamily}`;
  const m = ruler.measureText('x');
  const [up, down] = [m.fontBoundingBoxAscent, m.fontBoundingBoxDescent];
  return (height - up - down) / 2 + up;
}

/** The page's own @font-face rules with their files inside, so that the picture looks the same anywhere. */
async function fonts(element: HTMLElement): Promise<string> {
  const text = element.textContent ?? '';
  const rules: Promise<string>[] = [];
  for (const sheet of document.styleSheets) {
    for (const rule of sheet.cssRules) {
      if (!(rule instanceof CSSFontFaceRule)) continue;
      const range = rule.style.getPropertyValue('unicode-range');
      if (range && !covers(range, text)) continue;
      const url = /url\("?([^")]+)"?\)/.exec(rule.style.getPropertyValue('src'))?.[1];
      if (url) rules.push(embed(rule.cssText, url, new URL(url, sheet.href ?? location.href)));
    }
  }
  return (await Promise.all(rules)).join('');
}

async function embed(css: string, url: string, from: URL): Promise<string> {
  const bytes = new Uint8Array(await (await fetch(from)).arrayBuffer());
  let binary = '';
  for (const byte of bytes) binary += String.fromCharCode(byte);
  return css.replace(url, `data:font/woff2;base64,${btoa(binary)}`);
}

/** Whether any character of the text lies in a unicode-range. */
export function covers(range: string, text: string): boolean {
  const spans = range.split(',').map((part) => {
    const [from, to] = part.trim().replace(/^U\+/i, '').split('-');
    return [parseInt(from.replaceAll('?', '0'), 16), parseInt((to ?? from).replaceAll('?', 'F'), 16)];
  });
  for (const character of text) {
    const code = character.codePointAt(0) ?? 0;
    if (spans.some(([from, to]) => code >= from && code <= to)) return true;
  }
  return false;
}

/** Saves a figure as it looks: its elements with their styles inside an SVG, its canvases as images; PNG from that. */

const SKIP = '[data-save=skip]';
/** What a picture needs of computed style; all of it would be a hundred kilobytes an element. */
const PROPERTIES = (
  'display position top left right bottom inset width height min-width min-height max-width box-sizing margin padding ' +
  'border border-radius border-collapse background background-color background-image color font-family font-size font-weight ' +
  'font-style font-variant-numeric font-variation-settings letter-spacing line-height text-align text-decoration white-space ' +
  'vertical-align overflow overflow-wrap opacity flex flex-direction flex-wrap align-items align-content align-self ' +
  'justify-content justify-self gap grid-template-columns grid-template-rows grid-column grid-row transform ' +
  'transform-origin box-shadow outline fill stroke stroke-width z-index list-style'
).split(' ');

export interface Picture {
  svg: string;
  width: number;
  height: number;
}

export async function picture(element: HTMLElement, caption: string): Promise<Picture> {
  const box = element.getBoundingClientRect();
  const style = getComputedStyle(element);
  const pad = 20;
  const width = Math.ceil(box.width) + 2 * pad;
  const height = Math.ceil(box.height) + 2 * pad + 22;
  const clone = copy(element) as HTMLElement;
  clone.style.margin = '0';
  clone.style.width = `${box.width}px`;
  const xhtml = new XMLSerializer().serializeToString(clone);
  const ground = getComputedStyle(document.documentElement).backgroundColor;
  const svg =
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}">` +
    `<style>${await fonts(element)}</style><rect width="100%" height="100%" fill="${ground}"/>` +
    `<foreignObject x="${pad}" y="${pad}" width="${Math.ceil(box.width)}" height="${Math.ceil(box.height)}">${xhtml}</foreignObject>` +
    `<text x="${pad}" y="${height - pad + 4}" fill="${style.color}" font-family="IBM Plex Mono, monospace" font-size="11">${escape(caption)}</text></svg>`;
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

function copy(node: Element): Element {
  const style = getComputedStyle(node);
  let clone: Element;
  if (node instanceof HTMLCanvasElement) {
    const image = document.createElement('img');
    image.src = node.toDataURL('image/png');
    clone = image;
  } else {
    clone = node.cloneNode(false) as Element;
    for (const name of [...clone.getAttributeNames()]) {
      if (name.startsWith('on') || name === 'class' || name === 'id') clone.removeAttribute(name);
    }
  }
  const css = PROPERTIES.map((p) => `${p}:${style.getPropertyValue(p)}`).join(';');
  // A picture has no scroll bars.
  clone.setAttribute('style', css.replace(/overflow:[^;]*(auto|scroll)[^;]*/, 'overflow:hidden'));
  for (const child of node.childNodes) {
    if (child.nodeType === Node.TEXT_NODE) clone.append(child.cloneNode());
    if (child instanceof Element && !child.matches(SKIP) && getComputedStyle(child).display !== 'none') {
      clone.append(copy(child));
    }
  }
  // What is scrolled out of sight stays out of sight.
  if (node.scrollLeft || node.scrollTop) {
    for (const child of clone.children) {
      (child as HTMLElement).style.transform = `translate(${-node.scrollLeft}px, ${-node.scrollTop}px)`;
    }
  }
  return clone;
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

function escape(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

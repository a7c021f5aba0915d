/** A canvas context that writes SVG: what draws a canvas draws a picture of shapes and text with it. */

type Matrix = [a: number, b: number, c: number, d: number, e: number, f: number];

interface State {
  fillStyle: string;
  strokeStyle: string;
  lineWidth: number;
  globalAlpha: number;
  font: string;
  textAlign: CanvasTextAlign;
  textBaseline: CanvasTextBaseline;
  lineCap: CanvasLineCap;
  lineJoin: CanvasLineJoin;
  dash: number[];
  matrix: Matrix;
  clips: number;
}

const START: State = {
  fillStyle: '#000',
  strokeStyle: '#000',
  lineWidth: 1,
  globalAlpha: 1,
  font: '10px sans-serif',
  textAlign: 'start',
  textBaseline: 'alphabetic',
  lineCap: 'butt',
  lineJoin: 'miter',
  dash: [],
  matrix: [1, 0, 0, 1, 0, 0],
  clips: 0,
};

/** To a tenth of a pixel. */
export const n = (x: number): string => String(Math.round(x * 10) / 10);

export function escape(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}

/** Distance from a text's y down to its baseline, as a share of the font's size, by the canvas's textBaseline. */
const BASELINE: Partial<Record<CanvasTextBaseline, number>> = { top: 0.8, hanging: 0.8, middle: 0.35, bottom: -0.2 };
const ANCHOR: Partial<Record<CanvasTextAlign, string>> = { center: 'middle', right: 'end', end: 'end' };

/** The part of CanvasRenderingContext2D that the page's figures use. */
export class SvgContext {
  fillStyle = START.fillStyle;
  strokeStyle = START.strokeStyle;
  lineWidth = START.lineWidth;
  globalAlpha = START.globalAlpha;
  font = START.font;
  textAlign = START.textAlign;
  textBaseline = START.textBaseline;
  lineCap = START.lineCap;
  lineJoin = START.lineJoin;
  imageSmoothingEnabled = true;
  #dash: number[] = [];
  #matrix: Matrix = [...START.matrix];
  #clips = 0;
  #saved: State[] = [];
  #path = '';
  #out: string[] = [];
  /** The last shape, as long as the next one of the same look can be joined to it. */
  #open: { look: string; d: string } | null = null;
  #measure: Pick<CanvasRenderingContext2D, 'font' | 'measureText'>;
  #id: string;
  #made = 0;

  /**
   * @param id begins the names of its clip paths, which are unique in a file
   * @param measure measures text as the screen does
   */
  constructor(id: string, measure: Pick<CanvasRenderingContext2D, 'font' | 'measureText'>) {
    this.#id = id;
    this.#measure = measure;
  }

  /** The elements drawn so far. */
  markup(): string {
    this.#flush();
    return this.#out.join('') + '</g>'.repeat(this.#clips);
  }

  save(): void {
    const { fillStyle, strokeStyle, lineWidth, globalAlpha, font, textAlign, textBaseline, lineCap, lineJoin } = this;
    const own = { fillStyle, strokeStyle, lineWidth, globalAlpha, font, textAlign, textBaseline, lineCap, lineJoin };
    this.#saved.push({ ...own, dash: this.#dash, matrix: [...this.#matrix], clips: this.#clips });
  }

  restore(): void {
    const state = this.#saved.pop();
    if (!state) return;
    const { dash, matrix, clips, ...own } = state;
    Object.assign(this, own);
    this.#dash = dash;
    this.#matrix = matrix;
    if (this.#clips > clips) this.#push('</g>'.repeat(this.#clips - clips));
    this.#clips = clips;
  }

  setTransform(): void {}
  clearRect(): void {}

  translate(x: number, y: number): void {
    this.#multiply([1, 0, 0, 1, x, y]);
  }

  rotate(angle: number): void {
    const [c, s] = [Math.cos(angle), Math.sin(angle)];
    this.#multiply([c, s, -s, c, 0, 0]);
  }

  setLineDash(dash: number[]): void {
    this.#dash = dash;
  }

  beginPath(): void {
    this.#path = '';
  }
  moveTo(x: number, y: number): void {
    this.#path += `M${this.#at(x, y)}`;
  }
  lineTo(x: number, y: number): void {
    this.#path += `${this.#path ? 'L' : 'M'}${this.#at(x, y)}`;
  }
  bezierCurveTo(a: number, b: number, c: number, d: number, x: number, y: number): void {
    this.#path += `C${this.#at(a, b)} ${this.#at(c, d)} ${this.#at(x, y)}`;
  }
  closePath(): void {
    this.#path += 'Z';
  }
  rect(x: number, y: number, w: number, h: number): void {
    this.#path += `M${this.#at(x, y)}L${this.#at(x + w, y)}L${this.#at(x + w, y + h)}L${this.#at(x, y + h)}Z`;
  }
  roundRect(x: number, y: number, w: number, h: number, r: number): void {
    const q = Math.min(r, w / 2, h / 2);
    const turn = (cx: number, cy: number, ex: number, ey: number) => `Q${this.#at(cx, cy)} ${this.#at(ex, ey)}`;
    this.#path +=
      `M${this.#at(x + q, y)}L${this.#at(x + w - q, y)}${turn(x + w, y, x + w, y + q)}` +
      `L${this.#at(x + w, y + h - q)}${turn(x + w, y + h, x + w - q, y + h)}` +
      `L${this.#at(x + q, y + h)}${turn(x, y + h, x, y + h - q)}L${this.#at(x, y + q)}${turn(x, y, x + q, y)}Z`;
  }
  arc(x: number, y: number, r: number, from: number, to: number): void {
    const point = (a: number) => this.#at(x + r * Math.cos(a), y + r * Math.sin(a));
    // Clockwise on the screen, as a canvas goes by default.
    const full = 2 * Math.PI;
    const sweep = to - from >= full ? full : (((to - from) % full) + full) % full;
    const half = from + sweep / 2;
    const step = (a: number) => `A${n(r)} ${n(r)} 0 0 1 ${point(a)}`;
    this.#path += `${this.#path && !this.#path.endsWith('Z') ? 'L' : 'M'}${point(from)}${step(half)}${step(from + sweep)}`;
    if (sweep === full) this.#path += 'Z';
  }

  fill(): void {
    this.#shape(this.#path, this.#look('fill'));
  }
  stroke(): void {
    this.#shape(this.#path, this.#look('stroke'));
  }
  fillRect(x: number, y: number, w: number, h: number): void {
    this.#shape(this.#rectangle(x, y, w, h), this.#look('fill'));
  }
  strokeRect(x: number, y: number, w: number, h: number): void {
    this.#shape(this.#rectangle(x, y, w, h), this.#look('stroke'));
  }

  clip(): void {
    const id = `${this.#id}-${this.#made++}`;
    this.#push(`<clipPath id="${id}"><path d="${this.#path}"/></clipPath><g clip-path="url(#${id})">`);
    this.#clips++;
  }

  measureText(text: string): TextMetrics {
    this.#measure.font = this.font;
    return this.#measure.measureText(text);
  }

  fillText(text: string, x: number, y: number, most?: number): void {
    if (text === '') return;
    const width = this.measureText(text).width;
    const size = Number(/([\d.]+)px/.exec(this.font)?.[1] ?? 10);
    const weight = /^(\d{3}) /.exec(this.font)?.[1];
    const family = this.font.slice(this.font.indexOf('px ') + 3).replaceAll('"', "'");
    const [a, b, c, d, e, f] = this.#matrix;
    const turned =
      b !== 0 || a !== 1
        ? ` transform="matrix(${[a, b, c, d].map((v) => Math.round(v * 1e4) / 1e4).join(' ')} ${n(e)} ${n(f)})"`
        : '';
    const [px, py] = turned ? [x, y] : [x + e, y + f];
    const anchor = ANCHOR[this.textAlign];
    this.#push(
      `<text x="${n(px)}" y="${n(py + size * (BASELINE[this.textBaseline] ?? 0))}"${turned}` +
        ` font-family="${family}" font-size="${size}"${weight ? ` font-weight="${weight}"` : ''}` +
        `${anchor ? ` text-anchor="${anchor}"` : ''} fill="${this.fillStyle}"${this.#opacity()}` +
        ` textLength="${n(Math.min(width, most ?? width))}" lengthAdjust="spacingAndGlyphs">${escape(text)}</text>`,
    );
  }

  drawImage(image: HTMLCanvasElement, x: number, y: number, w: number, h: number): void {
    const [, , , , e, f] = this.#matrix;
    const sharp = this.imageSmoothingEnabled ? '' : ' style="image-rendering:pixelated"';
    this.#push(
      `<image x="${n(x + e)}" y="${n(y + f)}" width="${n(w)}" height="${n(h)}" preserveAspectRatio="none"${sharp} href="${image.toDataURL('image/png')}"/>`,
    );
  }

  #rectangle(x: number, y: number, w: number, h: number): string {
    const [a, b, , , e, f] = this.#matrix;
    if (a === 1 && b === 0) return `M${n(x + e)} ${n(y + f)}h${n(w)}v${n(h)}h${n(-w)}Z`;
    return `M${this.#at(x, y)}L${this.#at(x + w, y)}L${this.#at(x + w, y + h)}L${this.#at(x, y + h)}Z`;
  }

  #look(kind: 'fill' | 'stroke'): string {
    if (kind === 'fill') return `fill="${this.fillStyle}"${this.#opacity()}`;
    const dash = this.#dash.length > 0 ? ` stroke-dasharray="${this.#dash.join(' ')}"` : '';
    const cap = this.lineCap === 'butt' ? '' : ` stroke-linecap="${this.lineCap}"`;
    const join = this.lineJoin === 'miter' ? '' : ` stroke-linejoin="${this.lineJoin}"`;
    return `fill="none" stroke="${this.strokeStyle}" stroke-width="${n(this.lineWidth)}"${dash}${cap}${join}${this.#opacity()}`;
  }

  #opacity(): string {
    return this.globalAlpha === 1 ? '' : ` opacity="${Math.round(this.globalAlpha * 100) / 100}"`;
  }

  #shape(d: string, look: string): void {
    if (d === '') return;
    if (this.#open?.look === look) this.#open.d += d;
    else {
      this.#flush();
      this.#open = { look, d };
    }
  }

  #flush(): void {
    if (this.#open) this.#out.push(`<path ${this.#open.look} d="${this.#open.d}"/>`);
    this.#open = null;
  }

  #push(markup: string): void {
    this.#flush();
    this.#out.push(markup);
  }

  #at(x: number, y: number): string {
    const [a, b, c, d, e, f] = this.#matrix;
    return `${n(a * x + c * y + e)} ${n(b * x + d * y + f)}`;
  }

  #multiply([a, b, c, d, e, f]: Matrix): void {
    const [A, B, C, D, E, F] = this.#matrix;
    this.#matrix = [A * a + C * b, B * a + D * b, A * c + C * d, B * c + D * d, A * e + C * f + E, B * e + D * f + F];
  }
}

/** Colour ramps, interpolated in OKLab so that equal steps of a value look like equal steps of shade. */

export type RampName = 'sequential' | 'diverging';

type Lch = [lightness: number, chroma: number, hue: number];

/** From the ground through gold and sienna to plum: one ramp for weights and probabilities. */
const SEQUENTIAL: Record<'light' | 'dark', Lch[]> = {
  light: [
    [0.972, 0.012, 88],
    [0.885, 0.082, 85],
    [0.775, 0.125, 68],
    [0.64, 0.142, 46],
    [0.52, 0.138, 24],
    [0.42, 0.115, 4],
    [0.32, 0.085, 345],
  ],
  dark: [
    [0.232, 0.012, 70],
    [0.32, 0.07, 345],
    [0.43, 0.118, 8],
    [0.56, 0.142, 30],
    [0.7, 0.135, 56],
    [0.83, 0.108, 80],
    [0.96, 0.04, 92],
  ],
};

/** Blue for below zero, the ground at zero, red for above. */
const DIVERGING: Record<'light' | 'dark', Lch[]> = {
  light: [
    [0.38, 0.14, 258],
    [0.62, 0.13, 254],
    [0.83, 0.06, 250],
    [0.975, 0.008, 88],
    [0.83, 0.07, 30],
    [0.62, 0.16, 28],
    [0.42, 0.15, 26],
  ],
  dark: [
    [0.85, 0.08, 240],
    [0.66, 0.13, 250],
    [0.42, 0.1, 256],
    [0.24, 0.008, 70],
    [0.42, 0.11, 24],
    [0.66, 0.16, 28],
    [0.86, 0.09, 40],
  ],
};

/** Ramp is 256 colours, as bytes for ImageData and as CSS for everything else. */
export interface Ramp {
  /** Red, green, blue, alpha of each step, packed as ImageData wants them on a little-endian machine. */
  packed: Uint32Array;
  css(t: number): string;
  /** Ink that can be read on this shade. */
  ink(t: number): string;
}

const made = new Map<string, Ramp>();

export function ramp(name: RampName, dark: boolean): Ramp {
  const key = `${name}:${dark}`;
  let known = made.get(key);
  if (!known) {
    const stops = (name === 'sequential' ? SEQUENTIAL : DIVERGING)[dark ? 'dark' : 'light'];
    known = build(stops);
    made.set(key, known);
  }
  return known;
}

function build(stops: Lch[]): Ramp {
  const labs = stops.map(([l, c, h]) => [l, c * Math.cos((h * Math.PI) / 180), c * Math.sin((h * Math.PI) / 180)]);
  const rgb: [number, number, number][] = [];
  const packed = new Uint32Array(256);
  for (let i = 0; i < 256; i++) {
    const at = (i / 255) * (labs.length - 1);
    const from = Math.min(Math.floor(at), labs.length - 2);
    const f = at - from;
    const [l, a, b] = labs[from].map((x, k) => x + f * (labs[from + 1][k] - x));
    const color = oklabToRgb(l, a, b);
    rgb.push(color);
    packed[i] = ((255 << 24) | (color[2] << 16) | (color[1] << 8) | color[0]) >>> 0;
  }
  const step = (t: number) => Math.max(0, Math.min(255, Math.round(t * 255))) || 0;
  return {
    packed,
    css: (t) => `rgb(${rgb[step(t)].join(' ')})`,
    ink: (t) => inkOn(luminance(rgb[step(t)])),
  };
}

/** Soft ink where it has contrast enough (4.5), pure black or white in the narrow middle where only they have. */
function inkOn(ground: number): string {
  if ((ground + 0.05) / 0.0645 > 4.5) return '#221e19';
  if (0.97 / (ground + 0.05) > 4.5) return '#fbf8f1';
  return ground > 0.179 ? '#000000' : '#ffffff';
}

function oklabToRgb(L: number, a: number, b: number): [number, number, number] {
  const l = (L + 0.3963377774 * a + 0.2158037573 * b) ** 3;
  const m = (L - 0.1055613458 * a - 0.0638541728 * b) ** 3;
  const s = (L - 0.0894841775 * a - 1.291485548 * b) ** 3;
  return [
    gamma(4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s),
    gamma(-1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s),
    gamma(-0.0041960863 * l - 0.7034186147 * m + 1.707614701 * s),
  ];
}

function gamma(x: number): number {
  const y = x <= 0.0031308 ? 12.92 * x : 1.055 * x ** (1 / 2.4) - 0.055;
  return Math.max(0, Math.min(255, Math.round(255 * y)));
}

/** WCAG relative luminance. */
export function luminance([r, g, b]: [number, number, number]): number {
  const [R, G, B] = [r, g, b].map((v) => {
    const c = v / 255;
    return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * R + 0.7152 * G + 0.0722 * B;
}

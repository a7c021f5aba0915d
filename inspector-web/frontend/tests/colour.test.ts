import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

type Vector = [number, number, number];
const css = readFileSync(fileURLToPath(new URL('../src/app.css', import.meta.url)), 'utf8');

/** The colours of one theme, as the style sheet has them. */
function colours(theme: 'light' | 'dark'): Map<string, string> {
  const block = new RegExp(`data-theme='${theme}'\\]\\s*\\{([^}]*)\\}`).exec(css)?.[1] ?? '';
  return new Map([...block.matchAll(/--([\w-]+):\s*(#[0-9a-f]{6})/g)].map((m) => [m[1], m[2]]));
}

const linear = (hex: string): Vector =>
  [1, 3, 5].map((i) => {
    const v = parseInt(hex.slice(i, i + 2), 16) / 255;
    return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
  }) as Vector;
const times = (m: Vector[], v: Vector) => m.map((row) => row.reduce((s, x, i) => s + x * v[i], 0)) as Vector;

function oklab(rgb: Vector): Vector {
  const lms = times(
    [
      [0.4122214708, 0.5363325363, 0.0514459929],
      [0.2119034982, 0.6806995451, 0.1073969566],
      [0.0883024619, 0.2817188376, 0.6299787005],
    ],
    rgb.map((v) => Math.max(0, Math.min(1, v))) as Vector,
  ).map(Math.cbrt) as Vector;
  return times(
    [
      [0.2104542553, 0.793617785, -0.0040720468],
      [1.9779984951, -2.428592205, 0.4505937099],
      [0.0259040371, 0.7827717662, -0.808675766],
    ],
    lms,
  );
}

/** Machado, Oliveira and Fernandes 2009, severity 1, on linear RGB. */
const SIGHT: Record<string, Vector[]> = {
  'all three cones': [
    [1, 0, 0],
    [0, 1, 0],
    [0, 0, 1],
  ],
  protanopia: [
    [0.152286, 1.052583, -0.204868],
    [0.114503, 0.786281, 0.099216],
    [-0.003882, -0.048116, 1.051998],
  ],
  deuteranopia: [
    [0.367322, 0.860646, -0.227968],
    [0.280085, 0.672501, 0.047413],
    [-0.01182, 0.04294, 0.968881],
  ],
};

const distance = (a: string, b: string, sight: Vector[]) => {
  const [x, y] = [oklab(times(sight, linear(a))), oklab(times(sight, linear(b)))];
  return 100 * Math.hypot(x[0] - y[0], x[1] - y[1], x[2] - y[2]);
};

function contrast(a: string, b: string): number {
  const light = (hex: string) => linear(hex).reduce((s, v, i) => s + v * [0.2126, 0.7152, 0.0722][i], 0) + 0.05;
  const [x, y] = [light(a), light(b)];
  return Math.max(x, y) / Math.min(x, y);
}

/** Concepts that meet in one figure. Add the pair when a figure brings two others together. */
const MEET =
  'q/k q/v k/v q/attn k/attn v/attn q/kv k/kv v/kv q/resid k/resid v/resid attn/neuron attn/resid neuron/resid ' +
  'attn/token token/embed embed/resid logit/neuron logit/resid logit/train logit/quant logit/attn token/logit ' +
  'resid/quant train/quant';
/** About three times the smallest difference that anybody sees, in OKLab x 100. */
const APART = 6.5;

describe.each(['light', 'dark'] as const)('the colours of the %s theme', (theme) => {
  const of = colours(theme);
  const colour = (concept: string) => of.get(`c-${concept}`) ?? '';

  it.each(Object.keys(SIGHT))('are told apart where they meet, with %s', (sight) => {
    const near = MEET.split(' ').flatMap((pair) => {
      const [a, b] = pair.split('/').map(colour);
      const d = distance(a, b, SIGHT[sight]);
      return d < APART || Number.isNaN(d) ? [`${pair}: ${d.toFixed(1)}`] : [];
    });
    expect(near).toEqual([]);
  });

  it('can be read on every ground', () => {
    const inks = [...of.keys()].filter((name) => /^(c-|ink)/.test(name));
    expect(inks.length).toBeGreaterThan(14);
    const faint = inks.flatMap((name) =>
      ['paper', 'raised', 'inset'].flatMap((ground) => {
        const c = contrast(of.get(name)!, of.get(ground)!);
        return c < 4.5 ? [`${name} on ${ground}: ${c.toFixed(2)}`] : [];
      }),
    );
    expect(faint).toEqual([]);
  });
});

describe('the measure', () => {
  it('sees what people see, and what they do not', () => {
    expect(distance('#000000', '#ffffff', SIGHT['all three cones'])).toBeCloseTo(100, 0);
    // The first palette's key and value, which were one colour without green cones.
    expect(distance('#b5302b', '#2b7536', SIGHT['all three cones'])).toBeGreaterThan(20);
    expect(distance('#b5302b', '#2b7536', SIGHT.deuteranopia)).toBeLessThan(APART);
  });
});

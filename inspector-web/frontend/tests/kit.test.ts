import { describe, expect, it } from 'vitest';
import { beside, fitted, inLines, linesOf, spotAt, startOf, written } from '../src/kit/plots/arcs';
import { layBlock, PART } from '../src/kit/plots/block';
import { nearest, seen } from '../src/kit/plots/marks';
import { angleBetween, frequencies, turn } from '../src/kit/data/math/rotation';
import { wrap } from '../src/kit/figure/save';
import { extent, layAxis } from '../src/kit/plots/scales';
import { SvgContext } from '../src/kit/plots/svg';
import { fill, texNumber } from '../src/kit/text/tex';
import { brief } from '../src/kit/text/format';
import { lay, neighbour } from '../src/kit/plots/tree';

describe('tokens under arcs', () => {
  const widths = Array.from({ length: 1000 }, (_, i) => 10 + (i % 5) * 8);
  it('stand in lines, and every place belongs to the token that is there', () => {
    const spots = inLines(widths, 500);
    for (let i = 0; i < 1000; i += 37) expect(spotAt(spots, spots[i].middle, spots[i].line)).toBe(i);
    expect(Math.max(...spots.map((s) => s.x + s.w))).toBeLessThanOrEqual(500);
    const lines = linesOf(spots);
    expect([startOf(spots, 0), startOf(spots, lines)]).toEqual([0, 1000]);
    expect(spotAt(spots, 499, lines)).toBeNull();
    expect(spotAt(spots, -1)).toBeNull();
    expect(spotAt([], 3)).toBeNull();
  });
  it('have a nearest token in the line above and below, and none beyond the first and last', () => {
    const spots = inLines(widths, 500);
    const i = startOf(spots, 3) + 2;
    const above = beside(spots, i, -1);
    expect(spots[above].line).toBe(2);
    expect(Math.abs(spots[above].middle - spots[i].middle)).toBeLessThan(40);
    expect(beside(spots, 4, -1)).toBe(4);
    expect(spots[beside(spots, 999, 1)].line).toBe(linesOf(spots) - 1);
  });
  it('fit into any width, with the labels that matter and none upon another', () => {
    const spots = fitted(widths, 600);
    expect(spots[0].middle).toBeGreaterThan(0);
    expect(spots[999].middle).toBeLessThan(600);
    const labels = [...written(spots, [500, 501, 100, 900, 502], 600)];
    expect(labels).toEqual([500, 100, 900]);
  });
});

describe('marks', () => {
  it('of many points draw the extremes of each pixel', () => {
    const xs = Float64Array.from({ length: 50_000 }, (_, i) => i);
    const ys = new Float64Array(50_000);
    ys[31_234] = 9;
    ys[31_235] = -9;
    const kept = seen(xs, ys, (v) => v / 100);
    expect(kept.length).toBeLessThan(2100);
    expect(kept).toContain(31_234);
    expect(kept).toContain(31_235);
    for (let i = 1; i < kept.length; i++) expect(kept[i]).toBeGreaterThan(kept[i - 1]);
  });
  it('are found by the nearest, along x or in the plane', () => {
    const same = (v: number) => v;
    const plane = { x: same, y: same, left: 0, right: 9, top: 0, bottom: 9 };
    expect(nearest([0, 5, 9], [0, 100, 0], plane, 6, null).index).toBe(1);
    expect(nearest([0, 5, 9], [0, 100, 0], plane, 6, 0).index).toBe(2);
    expect(nearest([], [], plane, 6, 0).index).toBe(-1);
  });
});

describe('axes', () => {
  it('go there and back, and do not fall off a log scale', () => {
    const x = layAxis({ title: '', domain: [1, 1000], log: true }, 0, 300, 5);
    expect(x(10)).toBeCloseTo(100);
    expect(x.invert(200)).toBeCloseTo(100);
    expect(x(0)).toBe(0);
    expect(x.ticks.filter((t) => t.text).map((t) => t.text)).toEqual(['1', '10', '100', '1000']);
    const y = layAxis({ title: '', domain: [3, 3] }, 100, 0, 3);
    expect(Number.isFinite(y(3))).toBe(true);
  });
  it('widen what they show, and take no notice of what is no number', () => {
    expect(extent([0, 10, NaN, Infinity], 0.1)).toEqual([-1, 11]);
    expect(extent([])).toEqual([0, 1]);
  });
});

describe('formulas', () => {
  it('have their live numbers, and refuse a name without one', () => {
    expect(fill('a = \\live{x}', { x: -1.23456 })).toBe('a = \\htmlClass{live}{-1.235}');
    expect(fill('\\live{t}', { t: 'a_b{' })).toBe('\\htmlClass{live}{\\text{a\\_b\\{}}');
    expect(() => fill('\\live{y}', {})).toThrow('shows y');
    expect(texNumber(1.27e-7)).toBe('1.3\\times10^{-7}');
    expect(texNumber(-Infinity)).toBe('-\\infty');
  });
  it('and cells have short ones', () => {
    expect([0.25, -12.34, 123.4, 0.004, 0, -0.66].map(brief)).toEqual(['.25', '−12.3', '123', '.004', '0', '−.66']);
  });
});

describe('a tree', () => {
  const leaf = (id: string) => ({ id, label: id, weight: 0.5 });
  const root = { ...leaf('r'), children: [{ ...leaf('a'), children: [leaf('c'), leaf('d')] }, leaf('b')] };
  it('grows to the right and is walked with arrows', () => {
    const { nodes } = lay(root, 100, 30);
    expect(nodes.map((n) => n.node.id)).toEqual(['r', 'a', 'c', 'd', 'b']);
    const at = (id: string) => nodes.find((n) => n.node.id === id)!;
    expect(at('c').x).toBe(200);
    expect(at('a').parent).toBe(at('r'));
    expect(neighbour(nodes, at('r'), 'ArrowRight')).toBe(at('a'));
    expect(neighbour(nodes, at('a'), 'ArrowDown')).toBe(at('b'));
    expect(neighbour(nodes, at('b'), 'ArrowDown')).toBeNull();
    expect(neighbour(nodes, at('d'), 'ArrowLeft')).toBe(at('a'));
  });
});

describe('a block', () => {
  const parts = ['n1', 'a', 'n2', 'm'].map((id, i) => ({ id, name: id, color: 'attn' as const, branch: i >> 1 }));
  it('has its branches one after the other, or beside each other', () => {
    const serial = layBlock(parts, false);
    expect(serial.parts[3].y).toBeLessThan(serial.parts[0].y);
    expect(serial.branches[1].leave).toBeLessThan(serial.branches[0].join);
    const parallel = layBlock(parts, true);
    expect(parallel.parts[2].y).toBe(parallel.parts[0].y);
    expect(parallel.parts[2].x - parallel.parts[0].x).toBeGreaterThan(PART.w);
    expect(parallel.branches[0].join).toBe(parallel.branches[1].join);
    for (const p of [...serial.parts, ...parallel.parts]) expect(p.y).toBeGreaterThan(0);
  });
});

describe('rotation', () => {
  it('turns a pair by its angle, the first pair fastest', () => {
    const p = turn({ x: 1, y: 0 }, 1);
    expect(angleBetween({ x: 1, y: 0 }, p)).toBeCloseTo(1);
    expect(angleBetween(p, { x: 1, y: 0 })).toBeCloseTo(2 * Math.PI - 1);
    const f = frequencies(40, 10_000);
    expect(f[0]).toBe(1);
    expect(f[10]).toBeCloseTo(0.01);
  });
});

describe('a saved picture', () => {
  const context = () => {
    const measure = { font: '', measureText: (t: string) => ({ width: 7 * t.length }) as TextMetrics };
    return new SvgContext('t', measure);
  };
  it('is shapes and text where the screen has pixels', () => {
    const c = context();
    c.fillStyle = '#123456';
    c.translate(10, 20);
    c.fillRect(0, 0, 5, 5);
    c.fillRect(6, 0, 5, 5);
    c.font = '600 13px "Source Sans 3 Variable", sans-serif';
    c.textAlign = 'right';
    c.fillText('a<b', 3, 4);
    const svg = c.markup();
    // Shapes of one look are one path.
    expect(svg.match(/<path/g)).toHaveLength(1);
    expect(svg).toContain('M10 20h5v5h-5ZM16 20h5v5h-5Z');
    expect(svg).toContain('text-anchor="end"');
    expect(svg).toContain('font-weight="600"');
    expect(svg).toContain('>a&lt;b</text>');
  });
  it('keeps what was saved and closes what was cut', () => {
    const c = context();
    c.save();
    c.translate(5, 5);
    c.globalAlpha = 0.5;
    c.beginPath();
    c.rect(0, 0, 9, 9);
    c.clip();
    c.fillRect(0, 0, 1, 1);
    c.restore();
    c.fillRect(0, 0, 1, 1);
    const svg = c.markup();
    expect(svg.indexOf('</g>')).toBeGreaterThan(svg.indexOf('M5 5'));
    expect(svg).toContain('opacity="0.5"');
    expect(svg).toMatch(/<\/g><path fill="#000" d="M0 0/);
  });
  it('has a whole circle as two arcs', () => {
    const c = context();
    c.beginPath();
    c.arc(5, 5, 2, 0, 2 * Math.PI);
    c.fill();
    expect(c.markup()).toContain('M7 5A2 2 0 0 1 3 5A2 2 0 0 1 7 5Z');
  });
  it('has its caption in lines', () => {
    expect(wrap('one two three four', 9)).toEqual(['one two', 'three', 'four']);
    expect(wrap('', 9)).toEqual(['']);
  });
});

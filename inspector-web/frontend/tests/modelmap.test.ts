import { describe, expect, it } from 'vitest';
import type { DecoderSpec } from '../src/api/types';
import { CHAPTERS } from '../src/chapters/list';
import { BLOCK, MAP, mapParts, mapShape, mapSizes } from '../src/chapters/modelmap';

const norm = { kind: 'rms', eps: 1e-5 };
const layer = (more: object) => ({ ln1: norm, ln2: norm, mlp: { d_mlp: 8 }, parallel: false, ...more });
const spec = (...layers: object[]) => ({ layers }) as unknown as DecoderSpec;
const attention = { n_heads: 9, n_kv_heads: 3, rope: {} };

describe('the drawing of the model', () => {
  it('has one part a chapter', () => {
    const parts = mapParts(mapShape(null)).map((p) => p.chapter);
    expect(parts.sort((a, b) => a - b)).toEqual(CHAPTERS.map((c) => c.number));
  });

  it('has parts of 24 px at least, none over another, all in the drawing', () => {
    const parts = mapParts(mapShape(null));
    for (const { name, area, chapter } of parts) {
      const [x, y, width, height] = area;
      expect(Math.min(width, height), name).toBeGreaterThanOrEqual(24);
      expect([x >= 0, y >= 0, x + width <= MAP.width, y + height <= MAP.height], name).toEqual(Array(4).fill(true));
      for (const other of parts) {
        if (other.chapter <= chapter || other.chapter === 11 || chapter === 11) continue;
        const [ox, oy, ow, oh] = other.area;
        const apart = ox >= x + width || x >= ox + ow || oy >= y + height || y >= oy + oh;
        expect(apart, `${name} and ${other.name}`).toBe(true);
      }
    }
    // The block's own rest, with its norms and sums, is wider than a pointer.
    expect(BLOCK.height - (MAP.branch + 13 - BLOCK.y)).toBeGreaterThanOrEqual(24);
  });

  it('says the sizes of the model on show', () => {
    expect(mapSizes(mapShape(spec(layer({ attention }), layer({ attention }))))).toBe('2 blocks · 9 heads');
    expect(mapSizes(mapShape(spec(layer({ attention, mlp: { experts: { count: 8 } } }))))).toBe(
      '1 block · 9 heads · 8 experts',
    );
    expect(mapSizes(mapShape(spec(layer({ conv: {} }))))).toBe('1 block');
  });

  it('takes heads from the first layer that attends, and marks what no layer has', () => {
    const mixed = mapShape(spec(layer({ conv: {} }), layer({ attention })));
    expect(mixed.heads).toBe(9);
    expect(mapParts(mixed).filter((p) => p.absent)).toEqual([]);
    const none = mapParts(mapShape(spec(layer({ conv: {} })))).filter((p) => p.absent);
    expect(none.map((p) => p.chapter)).toEqual([10, 14, 8, 9]);
  });

  it('draws where the norms stand, and what turns with the position', () => {
    expect(mapShape(spec(layer({ attention, parallel: true })))).toMatchObject({ parallel: true, rotates: true });
    const post = { ln1: undefined, ln2: undefined, ln1_post: norm, attention: { n_heads: 2 } };
    expect(mapShape(spec(layer(post)))).toMatchObject({ rotates: false, norms: { before: false, after: true } });
  });
});

import { describe, expect, it } from 'vitest';
import { bytesOf, EIGHT, matrixBytes, memoryFor, parametersOf } from '../src/chapters/15-quantization/eight';

describe('a model of eight billion weights, by formula', () => {
  it('has as many weights as its authors say', () => {
    expect(parametersOf(EIGHT)).toBe(8_030_261_248);
  });

  it('takes what the server says of a model whose matrices it has', () => {
    // tales-4m, GET /models/tales-4m/sizes: tied tables of 1,845 rows, six layers of 256, 512 within, four of eight heads.
    const shapes: [number, number, number][] = [
      [1845, 256, 1],
      [256, 256, 12],
      [128, 256, 12],
      [512, 256, 12],
      [256, 512, 6],
    ];
    const norms = 2 * 13 * 256;
    const all = (bits: number, share: 'tensor' | 'channel' | 'group', zero: boolean) =>
      shapes.reduce((sum, [out, into, many]) => sum + many * matrixBytes(out, into, { bits, share, zero }), norms);
    expect(all(8, 'tensor', false)).toBe(4_018_092);
    expect(all(8, 'tensor', true)).toBe(4_018_135);
    expect(all(8, 'channel', false)).toBe(4_074_452);
    expect(all(8, 'channel', true)).toBe(4_088_585);
  });

  it('fits the smallest memory that holds it', () => {
    const four = bytesOf(EIGHT, { bits: 4, share: 'group', zero: false });
    expect(memoryFor(four)).toBe(6);
    expect(memoryFor(2 * parametersOf(EIGHT))).toBe(16);
    expect(memoryFor(24 * 2 ** 30)).toBe(24);
    expect(memoryFor(100)).toBe(1);
  });
});

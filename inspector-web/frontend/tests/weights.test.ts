import { describe, expect, it } from 'vitest';
import { parseMetadata, parseSafetensors } from '../src/api/tensor';
import {
  cellOf,
  firstChoice,
  formula,
  inBlocks,
  isSigned,
  sliceRecipe,
  weightSlice,
  windowAt,
} from '../src/chapters/15-quantization/weights';
import type { TensorEntry } from '../src/api/types';

/** Rows 1 to 3, columns 30 to 34 of a weight in groups of 32: as the server sends them. */
function buffer(): ArrayBuffer {
  const codes = Int8Array.from({ length: 8 }, (_, i) => i - 3);
  const scales = Float32Array.of(0.5, 2, 4, 8);
  const decoded = Float32Array.from(codes, (code, i) => code * scales[Math.floor(i / 4) * 2 + (i % 4 > 1 ? 1 : 0)]);
  const header = {
    __metadata__: {
      name: 'w',
      format: 'F32',
      shape: '[9,64]',
      scheme: '{"name":"int8-g32","definition":"d","bits":8}',
      rows: '[1,3]',
      cols: '[30,34]',
      group_size: '32',
      first_group: '0',
    },
    decoded: { dtype: 'F32', shape: [2, 4], data_offsets: [0, 32] },
    scales: { dtype: 'F32', shape: [2, 2], data_offsets: [32, 48] },
    codes: { dtype: 'I8', shape: [2, 4], data_offsets: [48, 56] },
  };
  const text = new TextEncoder().encode(JSON.stringify(header));
  const bytes = new Uint8Array(8 + text.length + 56);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(text.length), true);
  bytes.set(text, 8);
  bytes.set(new Uint8Array(decoded.buffer), 8 + text.length);
  bytes.set(new Uint8Array(scales.buffer), 8 + text.length + 32);
  bytes.set(new Uint8Array(codes.buffer), 8 + text.length + 48);
  return bytes.buffer;
}

const entry = (name: string, format: string, shape: number[], weights: string[] = []): TensorEntry => ({
  name,
  dtype: 'f32',
  format,
  shape,
  bytes: 1,
  file: 'f',
  weights,
});

describe('a weight under a scheme', () => {
  const slice = weightSlice({ tensors: parseSafetensors(buffer()), about: parseMetadata(buffer()) });

  it('has each code beside the scale of its group', () => {
    expect(slice.shape).toEqual([9, 64]);
    for (let r = 0; r < 2; r++) {
      for (let c = 0; c < 4; c++) {
        const cell = cellOf(slice, r, c);
        expect(cell.scale).toBe([0.5, 2, 4, 8][2 * r + (c > 1 ? 1 : 0)]);
        expect(cell.code * (cell.scale ?? 0)).toBe(cell.decoded);
        expect(cell.zero).toBeUndefined();
      }
    }
    expect(formula(cellOf(slice, 0, 0))).toBe('scale × code');
  });

  it('is signed unless its codes begin at 0', () => {
    expect(isSigned('codes', Float32Array.of(0, 3, 255))).toBe(false);
    expect(isSigned('codes', Float32Array.of(0, -3))).toBe(true);
    expect(isSigned('error', Float32Array.of(0, 3))).toBe(true);
  });

  it('is got with the call that the page made', () => {
    const r = sliceRecipe('m', slice, 'int8-g32', 'http://h:1');
    expect(r.curl).toContain("'http://h:1/api/v1/models/m/tensors/w?scheme=int8-g32&rows=1:3&cols=30:34'");
    expect(r.python).toContain('quantized("w", "int8-g32", model="m", rows="1:3", cols="30:34")');
  });
});

describe('the choice of a weight', () => {
  it('stays within the matrix', () => {
    expect(windowAt(200, 0)).toEqual([0, 64]);
    expect(windowAt(200, 190)).toEqual([136, 200]);
    expect(windowAt(10, 5)).toEqual([0, 10]);
  });

  it('begins with a matrix of a block, and knows blocks of numbers', () => {
    const all = [
      entry('norm', 'F32', [64]),
      entry('embed', 'Q8_0', [512, 64], ['embed.weight']),
      entry('q', 'Q4_K', [64, 64], ['blocks.0.attn.q.weight']),
    ];
    expect(firstChoice(all)?.name).toBe('q');
    expect(all.map(inBlocks)).toEqual([false, true, true]);
    expect(inBlocks(entry('x', 'BF16', [1]))).toBe(false);
    expect(inBlocks(entry('x', 'IQ4_XS', [1]))).toBe(true);
  });
});

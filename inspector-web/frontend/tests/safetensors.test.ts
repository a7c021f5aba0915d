import { describe, expect, it } from 'vitest';
import { halfToFloat, parseSafetensors, plane, singleTensor } from '../src/api/tensor';

function file(header: Record<string, unknown>, data: Uint8Array, pad = true): ArrayBuffer {
  let text = JSON.stringify(header);
  if (pad) text += ' '.repeat((8 - (text.length % 8)) % 8);
  const head = new TextEncoder().encode(text);
  const out = new Uint8Array(8 + head.length + data.length);
  new DataView(out.buffer).setBigUint64(0, BigInt(head.length), true);
  out.set(head, 8);
  out.set(data, 8 + head.length);
  return out.buffer;
}

const floats = (...values: number[]) => new Uint8Array(Float32Array.from(values).buffer);

describe('safetensors', () => {
  it('reads float32 without copying where the alignment allows it', () => {
    const buffer = file({ a: { dtype: 'F32', shape: [1, 3], data_offsets: [0, 12] } }, floats(1.5, -2, 3.25));
    const tensor = singleTensor(buffer);
    expect(tensor.name).toBe('a');
    expect(tensor.shape).toEqual([1, 3]);
    expect([...tensor.data]).toEqual([1.5, -2, 3.25]);
    expect(tensor.data.buffer).toBe(buffer);
  });

  it('reads float32 at any alignment', () => {
    for (const key of ['a', 'ab', 'abc', 'abcd']) {
      const buffer = file({ [key]: { dtype: 'F32', shape: [2], data_offsets: [0, 8] } }, floats(7, -0.5), false);
      expect([...singleTensor(buffer).data]).toEqual([7, -0.5]);
    }
  });

  it('reads several tensors and leaves the metadata out', () => {
    const buffer = file(
      {
        __metadata__: { run: 'x' },
        p: { dtype: 'F32', shape: [1], data_offsets: [0, 4] },
        q: { dtype: 'F32', shape: [1], data_offsets: [4, 8] },
      },
      floats(1, 2),
    );
    const tensors = parseSafetensors(buffer);
    expect([...tensors.keys()]).toEqual(['p', 'q']);
    expect(tensors.get('q')?.data[0]).toBe(2);
  });

  it('reads half precision, bfloat16 and double', () => {
    const half = new Uint8Array(Uint16Array.from([0x3c00, 0xc000, 0x0001, 0x7c00, 0xfc00]).buffer);
    const f16 = singleTensor(file({ h: { dtype: 'F16', shape: [5], data_offsets: [0, 10] } }, half));
    expect([...f16.data]).toEqual([1, -2, 2 ** -24, Infinity, -Infinity]);
    const brain = new Uint8Array(Uint16Array.from([0x3f80, 0xc040]).buffer);
    const bf16 = singleTensor(file({ b: { dtype: 'BF16', shape: [2], data_offsets: [0, 4] } }, brain));
    expect([...bf16.data]).toEqual([1, -3]);
    const double = new Uint8Array(Float64Array.from([0.25]).buffer);
    const f64 = singleTensor(file({ d: { dtype: 'F64', shape: [1], data_offsets: [0, 8] } }, double));
    expect(f64.data[0]).toBe(0.25);
    expect(halfToFloat(0x7e00)).toBeNaN();
  });

  it('says what is wrong with a damaged file', () => {
    expect(() => parseSafetensors(new ArrayBuffer(4))).toThrow('too short');
    const buffer = file({ a: { dtype: 'F32', shape: [3], data_offsets: [0, 12] } }, floats(1, 2, 3));
    expect(() => parseSafetensors(buffer.slice(0, 20))).toThrow('header says');
    expect(() => parseSafetensors(buffer.slice(0, buffer.byteLength - 4))).toThrow('past the end');
    const wrong = file({ a: { dtype: 'F32', shape: [4], data_offsets: [0, 12] } }, floats(1, 2, 3));
    expect(() => parseSafetensors(wrong)).toThrow('3 values');
    const odd = file({ a: { dtype: 'Q9', shape: [1], data_offsets: [0, 4] } }, floats(1));
    expect(() => parseSafetensors(odd)).toThrow('Q9');
  });

  it('cuts one head out of a pattern', () => {
    const data = Float32Array.from({ length: 12 }, (_, i) => i);
    expect([...plane({ name: 'p', shape: [1, 3, 2, 2], data }, 1)]).toEqual([4, 5, 6, 7]);
  });
});

import { describe, expect, it } from 'vitest';
import { joined } from '../src/api/lesson';
import { parseSafetensors } from '../src/api/tensor';

/** A safetensors file as a server sends it. */
function file(header: object, data: Uint8Array): ArrayBuffer {
  const text = new TextEncoder().encode(JSON.stringify(header));
  const whole = new Uint8Array(8 + text.length + data.length);
  new DataView(whole.buffer).setBigUint64(0, BigInt(text.length), true);
  whole.set(text, 8);
  whole.set(data, 8 + text.length);
  return whole.buffer;
}

describe('a lesson’s tensors', () => {
  const values = Float32Array.from([1, -2.5, 3e-9, Infinity, -Infinity, 0.1]);
  const plain = new Uint8Array(values.buffer);
  const entry = { x: { dtype: 'F32', shape: [2, 3], data_offsets: [0, 24] } };

  it('come out of their planes bit for bit', () => {
    const planes = new Uint8Array(24);
    for (let i = 0; i < 24; i++) planes[(i % 4) * 6 + Math.floor(i / 4)] = plain[i];
    const packed = file({ __metadata__: { planes: '4' }, ...entry }, planes);
    expect(parseSafetensors(joined(packed)).get('x')?.data).toEqual(values);
    expect(parseSafetensors(packed).get('x')?.data).not.toEqual(values);
  });

  it('stay as they are where they lie in none', () => {
    expect(parseSafetensors(joined(file(entry, plain))).get('x')?.data).toEqual(values);
  });
});

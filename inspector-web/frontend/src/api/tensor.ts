/** A tensor: a captured one is float32, and counts and sums of a sweep become it; in row-major order, with its shape and where it was cut from. */
export interface Tensor {
  name: string;
  shape: number[];
  data: Float32Array;
}

interface HeaderEntry {
  dtype: string;
  shape: number[];
  data_offsets: [number, number];
}

const LITTLE_ENDIAN = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1;

/** The header of a safetensors buffer, and where the data after it begins. */
function readHeader(buffer: ArrayBuffer): { header: Record<string, HeaderEntry>; dataStart: number } {
  if (buffer.byteLength < 8) throw new Error(`safetensors: ${buffer.byteLength} bytes is too short for a header`);
  const headerLength = Number(new DataView(buffer).getBigUint64(0, true));
  const dataStart = 8 + headerLength;
  if (dataStart > buffer.byteLength) {
    throw new Error(`safetensors: the header says ${headerLength} bytes, the file has ${buffer.byteLength - 8}`);
  }
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 8, headerLength))) as Record<
    string,
    HeaderEntry
  >;
  return { header, dataStart };
}

/** Where the data of a safetensors buffer begins. */
export const dataOf = (buffer: ArrayBuffer): number => readHeader(buffer).dataStart;

/** The texts that a safetensors buffer carries beside its tensors. */
export function parseMetadata(buffer: ArrayBuffer): Record<string, string> {
  const { header } = readHeader(buffer);
  return (header.__metadata__ ?? {}) as unknown as Record<string, string>;
}

/** Reads every tensor of a safetensors buffer: 8 bytes header length, a JSON header, then the data. */
export function parseSafetensors(buffer: ArrayBuffer): Map<string, Tensor> {
  const { header, dataStart } = readHeader(buffer);
  const tensors = new Map<string, Tensor>();
  for (const [name, entry] of Object.entries(header)) {
    if (name === '__metadata__') continue;
    const [from, to] = entry.data_offsets;
    if (dataStart + to > buffer.byteLength) throw new Error(`safetensors: ${name} ends past the end of the file`);
    const data = decode(buffer, dataStart + from, to - from, entry.dtype, name);
    const elements = entry.shape.reduce((a, b) => a * b, 1);
    if (elements !== data.length) throw new Error(`safetensors: ${name} has ${data.length} values for ${entry.shape}`);
    tensors.set(name, { name, shape: entry.shape, data });
  }
  return tensors;
}

/** The only tensor of a buffer. */
export function singleTensor(buffer: ArrayBuffer): Tensor {
  const tensors = parseSafetensors(buffer);
  if (tensors.size !== 1) throw new Error(`safetensors: expected one tensor, found ${tensors.size}`);
  return tensors.values().next().value as Tensor;
}

function decode(buffer: ArrayBuffer, offset: number, bytes: number, dtype: string, name: string): Float32Array {
  switch (dtype) {
    case 'F32': {
      // A view where the alignment allows it, a copy where not.
      if (offset % 4 === 0 && LITTLE_ENDIAN) return new Float32Array(buffer, offset, bytes / 4);
      const view = new DataView(buffer, offset, bytes);
      return Float32Array.from({ length: bytes / 4 }, (_, i) => view.getFloat32(4 * i, true));
    }
    case 'F64': {
      const view = new DataView(buffer, offset, bytes);
      return Float32Array.from({ length: bytes / 8 }, (_, i) => view.getFloat64(8 * i, true));
    }
    case 'F16': {
      const view = new DataView(buffer, offset, bytes);
      return Float32Array.from({ length: bytes / 2 }, (_, i) => halfToFloat(view.getUint16(2 * i, true)));
    }
    case 'BF16': {
      const view = new DataView(buffer, offset, bytes);
      const out = new Float32Array(bytes / 2);
      const bits = new Uint32Array(out.buffer);
      for (let i = 0; i < out.length; i++) bits[i] = view.getUint16(2 * i, true) << 16;
      return out;
    }
    case 'I64': {
      const view = new DataView(buffer, offset, bytes);
      return Float32Array.from({ length: bytes / 8 }, (_, i) => Number(view.getBigInt64(8 * i, true)));
    }
    case 'I32': {
      const view = new DataView(buffer, offset, bytes);
      return Float32Array.from({ length: bytes / 4 }, (_, i) => view.getInt32(4 * i, true));
    }
    case 'I16': {
      const view = new DataView(buffer, offset, bytes);
      return Float32Array.from({ length: bytes / 2 }, (_, i) => view.getInt16(2 * i, true));
    }
    case 'I8':
      return Float32Array.from(new Int8Array(buffer, offset, bytes));
    case 'U8':
      return Float32Array.from(new Uint8Array(buffer, offset, bytes));
    default:
      throw new Error(`safetensors: ${name} has the format ${dtype}, which the page does not read`);
  }
}

/** IEEE 754 binary16 to a number, exactly. */
export function halfToFloat(half: number): number {
  const sign = half & 0x8000 ? -1 : 1;
  const exponent = (half >> 10) & 0x1f;
  const fraction = half & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** Cuts [batch = 0, i] out of a [1, n, rows, cols] tensor without copying. */
export function plane(tensor: Tensor, index: number): Float32Array {
  const [, , rows, cols] = tensor.shape;
  return tensor.data.subarray(index * rows * cols, (index + 1) * rows * cols);
}

/** Part of a tensor, axis by axis, as `?pos=-1&key=2:5` of the server gives it: a picked index stays as size 1. */
export function slicedTensor(tensor: Tensor, axes: string[], slice: Partial<Record<string, number | string>>): Tensor {
  let { shape, data } = tensor;
  for (const [name, part] of Object.entries(slice)) {
    // The last axis, whatever it is called there.
    const at = name === 'feature' ? axes.length - 1 : axes.indexOf(name);
    if (part === undefined || at < 0) continue;
    const [from, to] = rangeOf(part, shape[at]);
    const outer = shape.slice(0, at).reduce((a, b) => a * b, 1);
    const inner = shape.slice(at + 1).reduce((a, b) => a * b, 1);
    const cut = new Float32Array(outer * (to - from) * inner);
    for (let o = 0; o < outer; o++) {
      const start = o * shape[at] * inner;
      cut.set(data.subarray(start + from * inner, start + to * inner), o * (to - from) * inner);
    }
    data = cut;
    shape = shape.map((n, axis) => (axis === at ? to - from : n));
  }
  return { name: tensor.name, shape, data };
}

/** 3, -1, '2:5' or '2:' as a range of indexes below `size`. */
export function rangeOf(part: number | string, size: number): [from: number, to: number] {
  const index = (text: string, otherwise: number) => {
    const i = text.trim() === '' ? otherwise : Number(text);
    return i < 0 ? i + size : i;
  };
  const [a, b] = String(part).split(':');
  const from = index(a, 0);
  return b === undefined ? [from, from + 1] : [from, Math.min(size, index(b, size))];
}

/**
 * The bytes of a model of eight billion weights under a scheme, by formula from its published shape: no such model is opened
 * for it. The formula is the server's (`run.inspect.ModelSizes`): codes, a float32 scale a group, its zero point; norms in 16 bits.
 */
import { GROUP, type How } from './asks';

/** Llama 3.1 8B as its config.json has it. */
export const EIGHT = {
  name: 'Llama 3.1 8B',
  vocab: 128_256,
  d_model: 4096,
  n_layers: 32,
  n_heads: 32,
  n_kv_heads: 8,
  d_head: 128,
  d_mlp: 14_336,
};
type Shape = Omit<typeof EIGHT, 'name'>;

/** Each kind of matrix: [output, input, how many]. */
function matrices(s: Shape): [output: number, input: number, many: number][] {
  return [
    [s.vocab, s.d_model, 2], // embedding and unembedding, which are not tied
    [s.n_heads * s.d_head, s.d_model, s.n_layers], // q
    [s.n_kv_heads * s.d_head, s.d_model, 2 * s.n_layers], // k, v
    [s.d_model, s.n_heads * s.d_head, s.n_layers], // o
    [s.d_mlp, s.d_model, 2 * s.n_layers], // gate, up
    [s.d_model, s.d_mlp, s.n_layers], // down
  ];
}
/** Weights of the norms: two in every layer and the last one. */
const norms = (s: Shape): number => (2 * s.n_layers + 1) * s.d_model;

export function parametersOf(s: Shape): number {
  return matrices(s).reduce((sum, [out, into, many]) => sum + out * into * many, norms(s));
}

/** Bytes of one matrix: its codes, and a float32 scale (and zero point) for all that share one. */
export function matrixBytes(output: number, input: number, { bits, share, zero }: How): number {
  const groups = share === 'group' ? output * Math.ceil(input / GROUP) : share === 'channel' ? output : 1;
  return Math.ceil((output * input * bits) / 8) + groups * 4 + (zero ? Math.ceil((groups * bits) / 8) : 0);
}

export function bytesOf(s: Shape, how: How): number {
  return matrices(s).reduce((sum, [out, into, many]) => sum + many * matrixBytes(out, into, how), 2 * norms(s));
}

/** The smallest memory that holds these bytes, in GiB, as machines and graphics cards have it: 1, 1.5, 2, 3, 4, 6, 8, 12 ... */
export function memoryFor(bytes: number): number {
  const power = 2 ** Math.max(0, Math.floor(Math.log2(bytes / 2 ** 30)));
  return [power, 1.5 * power, 2 * power].find((gib) => gib * 2 ** 30 >= bytes)!;
}

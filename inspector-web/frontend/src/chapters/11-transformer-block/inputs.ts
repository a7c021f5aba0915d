/** The further pieces of Gemma 3n and 4: a low-rank path, and the token's own input to the layer. Pure. */
import type { DecoderSpec } from '../../api/types';
import { activationName, NEURON, type Layer, type Piece } from './piece';

/** LAuReL: the normed input itself and a low-rank product of it, added where attention is. */
export function laurel(of: NonNullable<Layer['laurel']>, d: number): Piece {
  return {
    id: 'laurel',
    name: 'Low-rank path',
    shape: `rank ${of.rank}`,
    color: 'resid',
    branch: 2,
    role: 'A short way parallel to attention (LAuReL): what attention reads is added to the stream itself, with a low-rank change; the sum of stream, attention and this is divided by the root of 2.',
    steps: [
      {
        part: 'laurel',
        name: 'Down, up, norm',
        shape: `[${d}] → [${of.rank}] → [${d}]`,
        says: 'Two thin matrices, normed, added to what they read.',
        tex: 'y=\\tfrac{1}{\\sqrt 2}\\,(x+N(W_R\\,W_L\\,x))',
        words: 'y = x + the norm of W_R times W_L times x, over the root of 2',
        values: [{ name: 'added', hook: 'hook_laurel_out', color: 'resid' }],
        chapter: '11-transformer-block',
      },
    ],
  };
}

/** Per-layer embeddings: a gate of the stream times what the token itself brings to this layer. */
export function ownInput(of: NonNullable<DecoderSpec['layer_inputs']>, l: Layer, d: number, forms: boolean): Piece {
  const [tex] = NEURON[of.activation];
  const name = activationName(of.activation);
  return {
    id: 'ple',
    name: 'The token’s own input',
    shape: `${of.width} numbers per layer`,
    color: 'neuron',
    branch: 3,
    role: `Every token brings ${of.width} numbers of its own to this block, from a table and from its embedding. The stream decides by a gate what of them is added${forms ? ', to every form of the stream but the first' : ''}${l.scaled ? '. The stream is then multiplied by one learned number' : ''}.`,
    steps: [
      {
        part: 'ple',
        name: `Gate (${name}) times input, and back`,
        shape: `[${d}] → [${of.width}] → [${d}]`,
        says: 'The stream makes a gate for each of the numbers; bent, it is multiplied in. One more matrix brings the products to the stream’s width, and a norm to a steady length.',
        tex: `h=f(W_g\\,x)\\odot p,\\quad y=N(W_p\\,h),\\quad f(x)=${tex}`,
        words: `h = ${name} of W_g times x, times p, the token’s own numbers; y = the norm of W_p times h`,
        values: [
          { name: 'input', hook: 'ple.hook_input', color: 'resid' },
          { name: 'gate', hook: 'ple.hook_pre', color: 'neuron' },
          { name: 'passes', hook: 'ple.hook_post', color: 'neuron' },
          { name: 'added', hook: 'hook_ple_out', color: 'neuron' },
        ],
        chapter: '02-embeddings',
      },
    ],
  };
}

/**
 * The steps of Forward.java, a Llama's forward pass in plain Java: which method a step is, and which hooks of a run its lines
 * make. The only table of it; tests/forward.test.ts holds it against Forward.java and HookPoint.java. Pure.
 */

/** Which numbers of a hook a line shows, at position i, query head h and the key/value head that h reads. */
export type Part =
  | 'vector' // [pos, width] at i
  | 'number' // [pos, 1] at i
  | 'head' // [pos, head, d_head] at i, h
  | 'pair' // of those the components 0 and d_head / 2, which RoPE turns together
  | 'own' // [pos, kv_head, d_head] at i
  | 'key' // [pos, kv_head, d_head] at j, the key with the most weight
  | 'row' // [head, query, key] at h, i: every key
  | 'cell' // of that row the key j
  | 'largest' // of that row
  | 'total' // of that row e to each score less the largest, added up
  | 'neuron' // [pos, d_mlp] at i, of the neuron with the largest value
  | 'logits'; // [pos, vocab] at i: the highest

/** What one line of a method makes. */
export interface Shown {
  /** Stands on the line, and on no other line of the method. */
  line: string;
  /** A hook without its layer. */
  hook: string;
  part: Part;
  /** In the letters of the line; {i}, {j}, {h}, {c} become numbers. */
  name: string;
}

export interface Step {
  /** Method of Forward.java. */
  method: string;
  /** Methods that it calls and that are no steps: their lines stand below. */
  calls: string[];
  shows: Shown[];
}

const shown = (line: string, hook: string, part: Part, name: string): Shown => ({ line, hook, part, name });

/** In the order of Forward.java. */
export const STEPS: Step[] = [
  {
    method: 'logits',
    calls: [],
    shows: [
      shown('x = embed(tokens)', 'hook_embed', 'vector', 'x[{i}]'),
      shown('x = layer(l, x)', 'hook_resid_post', 'vector', 'x[{i}] after layer {l}'),
      shown('return unembed(x)', 'logits', 'logits', 'logits[{i}]'),
    ],
  },
  { method: 'embed', calls: [], shows: [shown('x[i] = E[tokens[i]]', 'hook_embed', 'vector', 'x[{i}]')] },
  {
    method: 'layer',
    calls: ['add'],
    shows: [
      shown('see(RESID_PRE', 'hook_resid_pre', 'vector', 'x[{i}]'),
      shown('see(RESID_MID', 'hook_attn_out', 'vector', 'attention(l, layer.attention(), y)[{i}]'),
      shown('see(RESID_MID', 'hook_resid_mid', 'vector', 'x[{i}]'),
      shown('see(RESID_POST', 'hook_mlp_out', 'vector', 'mlp(l, y)[{i}]'),
      shown('see(RESID_POST', 'hook_resid_post', 'vector', 'x[{i}]'),
    ],
  },
  {
    method: 'rmsnorm',
    calls: ['dot'],
    shows: [
      shown('scale[i][0] =', 'ln1.hook_scale', 'number', 'scale[{i}][0] of ln1'),
      shown('scale[i][0] =', 'ln2.hook_scale', 'number', 'scale[{i}][0] of ln2'),
      shown('normalized[i][c] = x[i][c]', 'hook_resid_pre', 'vector', 'x[{i}] of ln1'),
      shown('normalized[i][c] = x[i][c]', 'ln1.hook_normalized', 'vector', 'normalized[{i}] of ln1'),
      shown('see(normalizedPoint', 'ln2.hook_normalized', 'vector', 'normalized[{i}] of ln2'),
    ],
  },
  {
    method: 'attention',
    calls: [],
    shows: [
      shown('see(Q,', 'attn.hook_q', 'head', 'q[{i}], head {h}'),
      shown('see(K,', 'attn.hook_k', 'own', 'k[{i}], kv_head {g}'),
      shown('see(V,', 'attn.hook_v', 'own', 'v[{i}], kv_head {g}'),
      shown('see(ROT_Q,', 'attn.hook_rot_q', 'head', 'q[{i}], head {h}'),
      shown('see(ROT_K,', 'attn.hook_rot_k', 'own', 'k[{i}], kv_head {g}'),
      shown('see(ATTN_SCORES,', 'attn.hook_attn_scores', 'row', 's[{h}][{i}]'),
      shown('see(PATTERN,', 'attn.hook_pattern', 'row', 'p[{h}][{i}]'),
      shown('see(Z,', 'attn.hook_z', 'head', 'z[{i}], head {h}'),
      shown('see(ATTN_OUT,', 'hook_attn_out', 'vector', 'out[{i}]'),
    ],
  },
  {
    method: 'linear',
    calls: ['dot'],
    shows: [shown('out[i][c] = dot(W[c], y[i])', 'attn.hook_q', 'head', 'out[{i}] with attn.q, head {h}')],
  },
  {
    method: 'rotate',
    calls: [],
    shows: [
      shown('r[i][c] =', 'attn.hook_q', 'pair', 'q[{i}] of head {h}, the pair c = 0'),
      shown('r[i][c + f.length] =', 'attn.hook_rot_q', 'pair', 'r[{i}] of head {h}, the pair c = 0'),
    ],
  },
  {
    method: 'scores',
    calls: ['first', 'kvHead', 'head', 'dot'],
    shows: [
      shown('float[] qi =', 'attn.hook_rot_q', 'head', 'qi'),
      shown('s[h][i][j] = dot', 'attn.hook_rot_k', 'key', 'k[{j}], kv_head {g}'),
      shown('s[h][i][j] = dot', 'attn.hook_attn_scores', 'cell', 's[{h}][{i}][{j}]'),
      shown('s[h][i][j] = dot', 'attn.hook_attn_scores', 'row', 's[{h}][{i}]'),
    ],
  },
  {
    method: 'softmax',
    calls: [],
    shows: [
      shown('max = Math.max', 'attn.hook_attn_scores', 'largest', 'max'),
      shown('sum += Math.exp', 'attn.hook_attn_scores', 'total', 'sum'),
      shown('p[h][i][j] =', 'attn.hook_attn_scores', 'cell', 's[{h}][{i}][{j}]'),
      shown('p[h][i][j] =', 'attn.hook_pattern', 'cell', 'p[{h}][{i}][{j}]'),
      shown('p[h][i][j] =', 'attn.hook_pattern', 'row', 'p[{h}][{i}]'),
    ],
  },
  {
    method: 'weightedSum',
    calls: ['first', 'kvHead', 'head'],
    shows: [
      shown('float[] vj =', 'attn.hook_v', 'key', 'vj, of j = {j} and kv_head {g}'),
      shown('z[i][h * a.dHead() + c] +=', 'attn.hook_pattern', 'cell', 'p[{h}][{i}][{j}]'),
      shown('z[i][h * a.dHead() + c] +=', 'attn.hook_z', 'head', 'z[{i}], head {h}, over all j'),
    ],
  },
  {
    method: 'output',
    calls: ['head', 'dot'],
    shows: [
      shown('float[] zh =', 'attn.hook_z', 'head', 'zh'),
      shown('result[i][h * W.length + c] = dot', 'attn.hook_result', 'head', 'result[{i}], head {h}'),
      shown('out[i][c] +=', 'hook_attn_out', 'vector', 'out[{i}], over all heads'),
    ],
  },
  {
    method: 'mlp',
    calls: ['silu'],
    shows: [
      shown('see(MLP_PRE,', 'mlp.hook_pre', 'vector', 'gate[{i}]'),
      shown('see(MLP_PRE_LINEAR,', 'mlp.hook_pre_linear', 'vector', 'up[{i}]'),
      shown('n[i][c] = silu', 'mlp.hook_pre', 'neuron', 'gate[{i}][{c}]'),
      shown('n[i][c] = silu', 'mlp.hook_pre_linear', 'neuron', 'up[{i}][{c}]'),
      shown('n[i][c] = silu', 'mlp.hook_post', 'neuron', 'n[{i}][{c}]'),
      shown('see(MLP_POST,', 'mlp.hook_post', 'vector', 'n[{i}]'),
      shown('see(MLP_OUT,', 'hook_mlp_out', 'vector', 'out[{i}]'),
    ],
  },
  {
    method: 'unembed',
    calls: [],
    shows: [
      shown('y = rmsnorm', 'ln_final.hook_scale', 'number', 'scale[{i}][0] of ln_final'),
      shown('y = rmsnorm', 'ln_final.hook_normalized', 'vector', 'normalized[{i}] of ln_final'),
      shown('see(LN_FINAL_OUT', 'ln_final.hook_out', 'vector', 'y[{i}]'),
      shown('see(LOGITS', 'logits', 'logits', 'logits[{i}]'),
    ],
  },
];

/** Forward.java, by its place in the repository. */
export const FORWARD = 'inspector-core/src/main/java/org/llminspector/engine/plain/Forward.java';

export const stepOf = (method: string | null): Step | null => STEPS.find((s) => s.method === method) ?? null;

/** Consecutive lines of a file. */
export interface Lines {
  /** Number of the first in the file, from 1. */
  first: number;
  lines: string[];
}

/** A method with its Javadoc; null where the file has none of that name, or more than one. */
export function methodOf(source: string, method: string): Lines | null {
  const all = source.split('\n');
  const declaration = new RegExp(`^ {4}(?:public|private) [\\w\\[\\] ]*\\b${method}\\(`);
  const declared = all.flatMap((line, i) => (declaration.test(line) ? [i] : []));
  if (declared.length !== 1) return null;
  let first = declared[0];
  if (/^ {4}(?: \*\/|\/\*\*.*\*\/)$/.test(all[first - 1])) while (!all[--first].startsWith('    /**'));
  const last = all.indexOf('    }', declared[0]);
  return { first: first + 1, lines: all.slice(first, last + 1).map((line) => line.slice(4)) };
}

/** Index of the line of a method that makes something. */
export const lineOf = ({ lines }: Lines, { line }: Shown): number => lines.findIndex((l) => l.includes(line));

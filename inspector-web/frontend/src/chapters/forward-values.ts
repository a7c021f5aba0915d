/** What a run's values are on the lines of Forward.java: which captures a step reads, and its notes made of them. Pure. */
import type { Slice } from '../api/client';
import type { DecoderSpec } from '../api/types';
import type { Part, Shown, Step } from './forward';

/** The chosen position, layer and heads. */
export interface At {
  i: number;
  l: number;
  h: number;
  /** The key/value head that query head h reads. */
  g: number;
}

/** Part of a capture that a step reads. */
export interface Read {
  hook: string;
  slice: Slice;
}

/** What stands beside a line. */
export type Note = { name: string; hook: string } & (
  | { kind: 'vector'; from: number[]; size: number; length: number }
  | { kind: 'number'; value: number }
  | { kind: 'keys' | 'ids'; cells: { at: number; value: number }[]; others: number }
  | { kind: 'missing' }
);

/** Numbers of a vector that are shown, and entries of a row. */
const FIRST = 4;
const MOST = 5;

const PATTERN = 'attn.hook_pattern';
const NEURONS = 'mlp.hook_post';

/** The key/value head of a query head, as Forward.kvHead has it. */
export const kvHead = (nHeads: number, nKvHeads: number, h: number): number => Math.floor(h / (nHeads / nKvHeads));

const layered = (hook: string): boolean => !/^(hook_embed|ln_final|logits)/.test(hook);

function sliceOf(part: Part, { i, h, g }: At): Slice {
  if (part === 'head' || part === 'pair') return { pos: i, head: h };
  if (part === 'own') return { pos: i, head: g };
  if (part === 'key') return { head: g };
  if (part === 'row' || part === 'cell' || part === 'largest' || part === 'total') return { query: i, head: h };
  return { pos: i };
}

function readOf(hook: string, part: Part, at: At): Read {
  return { hook: layered(hook) ? `blocks.${at.l}.${hook}` : hook, slice: sliceOf(part, at) };
}

export const keyOf = ({ hook, slice }: Read): string => hook + JSON.stringify(slice);

/** Everything that a step's notes are made of, each once. */
export function readsOf(step: Step, at: At): Read[] {
  const reads = step.shows.map((s) => readOf(s.hook, s.part, at));
  const parts = step.shows.map((s) => s.part);
  if (parts.includes('key') || parts.includes('cell')) reads.push(readOf(PATTERN, 'row', at));
  if (parts.includes('neuron')) reads.push(readOf(NEURONS, 'neuron', at));
  return [...new Map(reads.map((r) => [keyOf(r), r])).values()];
}

type Values = ReadonlyMap<string, Float32Array>;

/** The key with the most weight, or null where the pattern is not known. */
export function heaviestKey(at: At, values: Values): number | null {
  const row = values.get(keyOf(readOf(PATTERN, 'row', at)));
  return row ? argmax(row.subarray(0, at.i + 1)) : null;
}

/** The neuron whose value is largest either way, or null. */
export function largestNeuron(at: At, values: Values): number | null {
  const n = values.get(keyOf(readOf(NEURONS, 'neuron', at)));
  return n ? argmax(n.map(Math.abs)) : null;
}

function argmax(x: Float32Array): number {
  return x.reduce((best, v, at) => (v > x[best] ? at : best), 0);
}

/** A shown value as a note; what the run does not have is missing. */
export function noteOf(shown: Shown, at: At, values: Values): Note {
  const read = readOf(shown.hook, shown.part, at);
  const j = heaviestKey(at, values);
  const c = largestNeuron(at, values);
  const filled: Record<string, number | null> = { ...at, j, c };
  const name = shown.name.replace(/\{(\w)\}/g, (_, letter: string) => String(filled[letter] ?? letter));
  const x = values.get(keyOf(read));
  const base = { name, hook: read.hook };
  const missing: Note = { ...base, kind: 'missing' };
  if (!x) return missing;
  const row = () => x.subarray(0, at.i + 1);
  const number = (value: number | undefined): Note =>
    value === undefined ? missing : { ...base, kind: 'number', value };
  switch (shown.part) {
    case 'number':
      return number(x[0]);
    case 'vector':
    case 'head':
    case 'own':
      return vector(base, x);
    case 'pair':
      return { ...vector(base, x), from: [x[0], x[x.length / 2]], size: 2, length: Math.hypot(x[0], x[x.length / 2]) };
    case 'key': {
      const width = x.length / keysIn(x, at, values);
      return j === null ? missing : vector(base, x.subarray(j * width, (j + 1) * width));
    }
    case 'cell':
      return j === null ? missing : number(x[j]);
    case 'neuron':
      return c === null ? missing : number(x[c]);
    case 'largest':
      return number(Math.max(...row()));
    case 'total': {
      const max = Math.max(...row());
      return number(row().reduce((sum, s) => sum + Math.exp(s - max), 0));
    }
    case 'row':
      return highest({ ...base, kind: 'keys' }, row());
    case 'logits':
      return highest({ ...base, kind: 'ids' }, x);
  }
}

type Base = { name: string; hook: string };

/** Positions of a capture of all: as many as the pattern has keys. */
function keysIn(x: Float32Array, at: At, values: Values): number {
  return values.get(keyOf(readOf(PATTERN, 'row', at)))?.length ?? x.length;
}

function vector(base: Base, x: Float32Array): Note & { kind: 'vector' } {
  return {
    ...base,
    kind: 'vector',
    from: [...x.subarray(0, FIRST)],
    size: x.length,
    length: Math.sqrt(x.reduce((sum, v) => sum + v * v, 0)),
  };
}

/** The largest first; what may not be seen, at minus infinity, is none of them. */
function highest(base: Base & { kind: 'keys' | 'ids' }, x: Float32Array): Note {
  const order: number[] = [];
  for (let at = 0; at < x.length; at++) if (x[at] > -Infinity) order.push(at);
  order.sort((a, b) => x[b] - x[a] || a - b);
  const cells = order.slice(0, MOST).map((at) => ({ at, value: x[at] }));
  return { ...base, cells, others: order.length - cells.length };
}

type Json = { [name: string]: Json | undefined } | Json[] | string | number | boolean | null | undefined;

/**
 * The first field of a spec that no Llama has, `layers[0].attention.qkv_bias`, or null for one of Llama's shape: LlamaSpec.java
 * has the same rule, and tests hold both to the same specs.
 */
export function otherField(spec: DecoderSpec): string | null {
  const layers: Json[] = [];
  const rms = (norm: { eps: number } | undefined): Json => ({
    kind: 'rms',
    eps: norm?.eps ?? 0,
    weight: true,
    bias: false,
  });
  for (const [at, { attention: a, conv, ln1, ln2, mlp }] of spec.layers.entries()) {
    if (!a) return `layers[${at}].${conv ? 'conv' : 'recurrence'}`;
    if (!a.rope) return `layers[${at}].attention.rope`;
    const { n_heads, n_kv_heads, d_head, scale, rope, window } = a;
    const norms = { qk_norm_wide: false, qk_norm_by_head: false, qk_norm_rotated: false };
    const fixed = { qkv_bias: false, out_bias: false, ...norms, sinks: false, gated: false };
    // Left out of what was kept before values had a width of their own.
    const d_value = a.d_value && d_head;
    const turned = { ...rope, dims: d_head } as Json;
    layers.push({
      ln1: rms(ln1),
      attention: { n_heads, n_kv_heads, d_head, d_value, scale, rope: turned, window, ...fixed },
      ln2: rms(ln2),
      mlp: { d_mlp: mlp.d_mlp, activation: 'silu', gated: true, bias: false },
      parallel: false,
      stream_norms: false,
    });
  }
  const { family, vocab, d_model, max_context, tied } = spec;
  const fixed = { learned_positions: false, embed_scale: 1, unembed_bias: false, final_norm: rms(spec.final_norm) };
  return difference('', spec as unknown as Json, { family, vocab, d_model, max_context, tied, layers, ...fixed });
}

/** Path of the first value in which two JSON documents differ; null, false and left out are the same. */
function difference(path: string, a: Json, b: Json): string | null {
  if (a === null || a === undefined || typeof a !== 'object' || typeof b !== 'object' || b === null)
    return (a ?? false) === (b ?? false) ? null : path;
  if (Array.isArray(a) && Array.isArray(b)) {
    if (a.length !== b.length) return path;
    return a.reduce<string | null>((found, v, i) => found ?? difference(`${path}[${i}]`, v, b[i]), null);
  }
  const [x, y] = [a as Record<string, Json>, b as Record<string, Json>];
  const names = [...new Set([...Object.keys(x), ...Object.keys(y)])].sort();
  for (const name of names) {
    const found = difference(path ? `${path}.${name}` : name, x[name], y[name]);
    if (found !== null) return found;
  }
  return null;
}

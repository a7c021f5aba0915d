import { tensorPath, type Metadata } from '../../api/client';
import type { Tensor } from '../../api/tensor';
import type { Importance, QuantizationError, Scheme, TensorEntry, WeightedError } from '../../api/types';
import { count } from '../../kit/text/format';
import type { WeightShow } from '../../state/url';
import type { Recipe } from '../../kit/figure/recipes';

/** Most rows and columns of a weight that are shown at once. */
export const WINDOW = 64;
/** The scheme that means the blocks of a GGUF file. */
export const STORED = 'stored';

const PLAIN = /^(F64|F32|F16|BF16|F8_\w+|[IU]\d+|BOOL)$/;

/** WeightSlice is part of a weight under a scheme. */
export interface WeightSlice {
  name: string;
  format: string;
  /** Of the whole weight, as a matrix. */
  shape: [number, number];
  scheme: Scheme;
  rows: [number, number];
  cols: [number, number];
  groupSize: number;
  firstGroup: number;
  tensors: Map<string, Tensor>;
}

export function weightSlice({ tensors, about }: { tensors: Map<string, Tensor>; about: Metadata }): WeightSlice {
  return {
    name: about.name,
    format: about.format,
    shape: JSON.parse(about.shape),
    scheme: JSON.parse(about.scheme),
    rows: JSON.parse(about.rows),
    cols: JSON.parse(about.cols),
    groupSize: Number(about.group_size),
    firstGroup: Number(about.first_group),
    tensors,
  };
}

/** Cell is one weight: what it is, its code, and what turns the code back into a number. */
export interface Cell {
  value: number;
  code: number;
  scale?: number;
  zero?: number;
  min?: number;
  decoded: number;
  error?: number;
}

/** The weight at row r and column c of the slice. */
export function cellOf(slice: WeightSlice, r: number, c: number): Cell {
  const at = r * (slice.cols[1] - slice.cols[0]) + c;
  const get = (name: string) => slice.tensors.get(name)?.data[at];
  const beside = (name: string) => {
    const t = slice.tensors.get(name);
    if (!t) return undefined;
    if (t.data.length === 1) return t.data[0];
    const group = Math.floor((slice.cols[0] + c) / slice.groupSize) - slice.firstGroup;
    return t.data[r * t.shape[1] + group];
  };
  return {
    value: get('values') ?? NaN,
    code: get('codes') ?? NaN,
    scale: beside('scales'),
    zero: beside('zero_points'),
    min: beside('mins'),
    decoded: get('decoded') ?? NaN,
    error: get('error'),
  };
}

/** How the code became the decoded value, in numbers' names. */
export function formula(cell: Cell): string {
  if (cell.scale === undefined) return 'the nearest 16-bit float';
  if (cell.zero !== undefined) return 'scale × (code − zero point)';
  return cell.min !== undefined ? 'scale × code + min' : 'scale × code';
}

/** Whether the file has the tensor in blocks. */
export function inBlocks(tensor: TensorEntry): boolean {
  return !PLAIN.test(tensor.format);
}

/** A matrix that says something: the first attention or MLP weight, else the first matrix, else the first tensor. */
export function firstChoice(tensors: TensorEntry[]): TensorEntry | undefined {
  const matrices = tensors.filter((t) => t.shape.length === 2);
  return matrices.find((t) => t.weights.some((w) => w.startsWith('blocks.'))) ?? matrices[0] ?? tensors[0];
}

/** The window that begins near row and col and does not leave the matrix. */
export function windowAt(size: number, from: number): [number, number] {
  const start = Math.max(0, Math.min(from, size - WINDOW));
  return [start, Math.min(size, start + WINDOW)];
}

export function slicePath(slug: string, tensor: string, scheme: string, rows: string, cols: string): string {
  return `${tensorPath(slug, tensor)}?scheme=${encodeURIComponent(scheme)}&rows=${rows}&cols=${cols}`;
}

/** Values and errors are signed about 0; codes too unless they begin at 0. */
export function isSigned(show: WeightShow, values: ArrayLike<number>): boolean {
  if (show !== 'codes') return true;
  for (let i = 0; i < values.length; i++) if (values[i] < 0) return true;
  return false;
}

export function sliceRecipe(slug: string, s: WeightSlice, asked: string, origin: string): Recipe {
  const rows = `${s.rows[0]}:${s.rows[1]}`;
  const cols = `${s.cols[0]}:${s.cols[1]}`;
  return {
    curl: `curl -o weight.safetensors '${origin}/api/v1${slicePath(slug, s.name, asked, rows, cols)}'`,
    python: `${client(origin)}q = inspector.quantized(${py(s.name)}, ${py(asked)}, model=${py(slug)}, rows="${rows}", cols="${cols}")\nq.codes, q.scales, q.decoded, q.error`,
  };
}

export function statisticsRecipe(slug: string, tensor: string, weighted: boolean, origin: string): Recipe {
  return {
    curl: `curl '${origin}/api/v1${tensorPath(slug, tensor)}/statistics${weighted ? '?imatrix=newest' : ''}'`,
    python: `${client(origin)}inspector.statistics(${py(tensor)}, model=${py(slug)}${weighted ? ', imatrix="newest"' : ''})`,
  };
}

/** What a scheme's error is called, with or without the inputs' mean squares: the same numbers of another sum. */
export function lossOf(error: QuantizationError | undefined, weighted: boolean): WeightedError | undefined {
  return weighted ? error?.weighted : error;
}

/** By what errors are weighted, and of what nothing is known; from the answer. */
export function weighedBy({ source, corpora, tokens, without }: Importance): string {
  const of = corpora.length ? corpora.join(', ') : 'a corpus';
  return without.length
    ? `What the columns of this weight read over ${of} (${source}) is not known: it is a table, an expert without a token, or a tensor whose columns are no inputs as the file has them.`
    : `Each column’s squared error counts as much as the mean square of what the column read over ${count(tokens)} tokens of ${of} (${source}): the error of the outputs, were the inputs uncorrelated.`;
}

function client(origin: string): string {
  return `from llm_inspector import Inspector\n\ninspector = Inspector(${py(origin)})\n`;
}

function py(text: string): string {
  return JSON.stringify(text);
}

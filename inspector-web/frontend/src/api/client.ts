import { ByteCache, SharedRequests } from './cache';
import { lesson, needsServer } from './lesson';
import { Problem, isAbort } from './problem';
import { readEvents } from './sse';
import { parseMetadata, parseSafetensors, singleTensor, type Tensor } from './tensor';
import type { AnalysisEvent, BenchmarkEvent, ComparisonEvent, LessonEvent, RunEvent, SweepEvent } from './events';
import type * as T from './types';

const BASE = '/api/v1';
const MIB = 1024 * 1024;

/** A slice of a capture, axis by axis, in NumPy's notation: 3, -1, '2:5'. */
export type Slice = Partial<Record<'pos' | 'head' | 'query' | 'key' | 'feature' | 'state' | 'form', number | string>>;

/** A tokenizer of a model's or a published encoding; `chat` puts the text as a turn. */
export interface TokenizerChoice {
  model?: string;
  encoding?: string;
  chat?: boolean;
  add_special_tokens?: boolean;
}

/** Captures never change, so they are kept by their URL; analyses of a finished run neither. */
const tensors = new ByteCache<Tensor>(96 * MIB);
const analyses = new ByteCache<unknown>(16 * MIB);
const underWay = new SharedRequests();

async function request(path: string, init: RequestInit = {}): Promise<Response> {
  if (lesson) throw needsServer(path);
  let response: Response;
  try {
    response = await fetch(BASE + path, init);
  } catch (error) {
    if (isAbort(error)) throw error;
    throw Problem.unreachable(path, error);
  }
  if (!response.ok) throw await Problem.fromResponse(response, path);
  return response;
}

async function json<R>(path: string, init?: RequestInit): Promise<R> {
  return (await request(path, { headers: { accept: 'application/json' }, ...init })).json() as Promise<R>;
}

function post(body: unknown, signal?: AbortSignal, accept = 'application/json'): RequestInit {
  return {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept },
    body: JSON.stringify(body),
    signal,
  };
}

/** Path of a capture under /api/v1; also what 'get this data' shows. */
export function capturePath(run: string, hook: string, slice: Slice = {}): string {
  const query = new URLSearchParams();
  for (const [axis, part] of Object.entries(slice)) if (part !== undefined) query.set(axis, String(part));
  const suffix = query.size > 0 ? `?${query}`.replaceAll('%3A', ':') : '';
  return `/runs/${encodeURIComponent(run)}/captures/${encodeURIComponent(hook)}${suffix}`;
}

/** Every head's pattern as a thumbnail, or a stretch of one head's. */
export function patternsPath(run: string, size: number): string {
  return `/runs/${encodeURIComponent(run)}/patterns?size=${size}`;
}

export function patternPath(run: string, layer: number, head: number, part: Stretch, size: number): string {
  const at = `/runs/${encodeURIComponent(run)}/patterns/${layer}/${head}`;
  return `${at}?query=${part.query.join(':')}&key=${part.key.join(':')}&size=${size}`;
}

/** A rectangle of a pattern, in positions: [from, to). */
export interface Stretch {
  query: [number, number];
  key: [number, number];
}

export type Metadata = Record<string, string>;

/** Path of a weight under /api/v1. */
export function tensorPath(slug: string, tensor: string): string {
  return `/models/${encodeURIComponent(slug)}/tensors/${encodeURIComponent(tensor)}`;
}

/** Heatmap of a comparison. */
export function divergencePath(id: string, point: string, metric: string): string {
  return `/comparisons/${encodeURIComponent(id)}/divergence?point=${encodeURIComponent(point)}&metric=${metric}`;
}

/** One side of one cell of a comparison. */
export function cellPath(id: string, hook: string, pos: number, side: string): string {
  return `/comparisons/${encodeURIComponent(id)}/cells/${encodeURIComponent(hook)}?pos=${pos}&side=${side}`;
}

export function tokensPath(id: string, part: string, from: number, limit: number): string {
  return `/comparisons/${encodeURIComponent(id)}/tokens?part=${part}&from=${from}&limit=${limit}`;
}

/** A tensor that never changes, by its path. */
async function tensor(path: string, signal?: AbortSignal): Promise<Tensor> {
  const known = tensors.get(path);
  if (known) return known;
  return underWay.ask(path, signal, async (shared) => {
    const response = await request(path, { headers: { accept: 'application/octet-stream' }, signal: shared });
    const value = singleTensor(await response.arrayBuffer());
    tensors.set(path, value, value.data.byteLength);
    return value;
  });
}

/** Path of a sweep under /api/v1, and of what it kept. */
export function sweepPath(id: string, rest = ''): string {
  return `/sweeps/${encodeURIComponent(id)}${rest}`;
}

export function unitPath(id: string, hook: string, unit: number): string {
  return sweepPath(id, `/units/${encodeURIComponent(hook)}/${unit}`);
}

/** @param body null for what is only watched */
async function* stream<E>(path: string, body: object | null, signal: AbortSignal): AsyncGenerator<E> {
  const accept = 'text/event-stream';
  const response = await request(path, body ? post(body, signal, accept) : { headers: { accept }, signal });
  if (!response.body) throw Problem.unreachable(path, 'the answer has no body');
  try {
    for await (const { event, data } of readEvents(response.body)) {
      yield { event, data: JSON.parse(data) } as E;
    }
  } catch (error) {
    if (isAbort(error) || error instanceof Problem) throw error;
    throw Problem.unreachable(path, error);
  }
}

async function analysis<R>(path: string, body: Record<string, unknown> | null, signal?: AbortSignal): Promise<R> {
  const key = path + JSON.stringify(body);
  const known = analyses.get(key) as R | undefined;
  if (known) return known;
  return underWay.ask(key, signal, async (shared) => {
    const init = body ? post(body, shared) : { headers: { accept: 'application/json' }, signal: shared };
    const text = await (await request(path, init)).text();
    const value = JSON.parse(text) as R;
    analyses.set(key, value, text.length);
    return value;
  });
}

export const api = {
  health: (signal?: AbortSignal) => json<T.Health>('/health', { signal }),
  engines: () => json<{ engines: T.Engine[] }>('/engines').then((r) => r.engines),
  memory: () => json<T.Memory>('/memory'),
  models: () => json<{ default?: string; models: T.ModelSummary[] }>('/models'),
  model: (slug: string, signal?: AbortSignal) =>
    json<T.ModelDetails>(`/models/${encodeURIComponent(slug)}`, { signal }),
  hooks: (slug: string, signal?: AbortSignal) =>
    json<{ hooks: T.HookDescription[] }>(`/models/${encodeURIComponent(slug)}/hooks`, { signal }).then((r) => r.hooks),
  open: (slug: string, how: { engine?: string; precision?: string }) =>
    json<T.EngineInfo>(`/models/${encodeURIComponent(slug)}/open`, post(how)),
  tensors: (slug: string, signal?: AbortSignal) =>
    json<{ tensors: T.TensorEntry[] }>(`/models/${encodeURIComponent(slug)}/tensors`, { signal }).then(
      (r) => r.tensors,
    ),
  schemes: (signal?: AbortSignal) => json<{ schemes: T.Scheme[] }>('/schemes', { signal }).then((r) => r.schemes),
  /** A weight, or rows of it, as float32; its name as the files or as the port have it. */
  async weightValues(slug: string, name: string, rows?: [from: number, to: number], signal?: AbortSignal) {
    const path = tensorPath(slug, name) + (rows ? `?rows=${rows[0]}:${rows[1]}` : '');
    const response = await request(path, { headers: { accept: 'application/octet-stream' }, signal });
    return singleTensor(await response.arrayBuffer());
  },
  /** With the newest sweep's mean squares of what the columns read, errors are weighted by them too. */
  statistics: (slug: string, tensor: string, weighted: boolean, signal?: AbortSignal) =>
    json<T.WeightStatistics>(`${tensorPath(slug, tensor)}/statistics${weighted ? '?imatrix=newest' : ''}`, { signal }),
  block: (slug: string, tensor: string, row: number, col: number, signal?: AbortSignal) =>
    json<T.Block>(`${tensorPath(slug, tensor)}/block?row=${row}&col=${col}`, { signal }),
  curve: (slug: string, signal?: AbortSignal) => json<T.Curve>(`/models/${encodeURIComponent(slug)}/curve`, { signal }),
  checkpoints: (slug: string, signal?: AbortSignal) =>
    json<{ checkpoints: T.Checkpoint[] }>(`/models/${encodeURIComponent(slug)}/checkpoints`, { signal }).then(
      (r) => r.checkpoints,
    ),
  recipes: (signal?: AbortSignal) => json<{ recipes: T.Recipe[] }>('/recipes', { signal }).then((r) => r.recipes),
  jobs: (signal?: AbortSignal) => json<{ jobs: T.TrainingJob[] }>('/training-jobs', { signal }).then((r) => r.jobs),
  job: (id: string, signal?: AbortSignal) =>
    json<T.TrainingJob>(`/training-jobs/${encodeURIComponent(id)}`, { signal }),
  jobCurve: (id: string, signal?: AbortSignal) =>
    json<T.Curve>(`/training-jobs/${encodeURIComponent(id)}/curve`, { signal }),
  train: (body: { recipe: T.Recipe; name: string; steps: number; learning_rate: number }) =>
    json<T.TrainingJob>('/training-jobs', post(body)),
  stopJob: (id: string) => json<T.TrainingJob>(`/training-jobs/${encodeURIComponent(id)}/stop`, { method: 'POST' }),
  deleteJob: (id: string) => request(`/training-jobs/${encodeURIComponent(id)}`, { method: 'DELETE' }),
  resumeJob: (id: string) => json<T.TrainingJob>(`/training-jobs/${encodeURIComponent(id)}/resume`, { method: 'POST' }),
  sweeps: (signal?: AbortSignal) => json<{ sweeps: T.Sweep[] }>('/sweeps', { signal }).then((r) => r.sweeps),
  beginSweep: (body: T.SweepRequest) => json<T.Sweep>('/sweeps', post(body)),
  stopSweep: (id: string) => json<T.Sweep>(sweepPath(id, '/stop'), { method: 'POST' }),
  resumeSweep: (id: string) => json<T.Sweep>(sweepPath(id, '/resume'), { method: 'POST' }),
  deleteSweep: (id: string) => request(sweepPath(id), { method: 'DELETE' }),
  /** Tells of a sweep until it ends. Aborting the signal does not stop it. */
  watchSweep: (id: string, signal: AbortSignal) => stream<SweepEvent>(sweepPath(id), null, signal),
  sweepResults: (id: string, signal?: AbortSignal) =>
    json<{ results: T.SweepResult[] }>(sweepPath(id, '/results'), { signal }).then((r) => r.results),
  /** What a reducer kept, by name: one tensor, or all of them. */
  async sweepTensors(
    id: string,
    kind: string,
    name: string | null,
    signal?: AbortSignal,
  ): Promise<Map<string, Tensor>> {
    const query = name === null ? '' : `?name=${encodeURIComponent(name)}`;
    const headers = { accept: 'application/octet-stream' };
    const response = await request(sweepPath(id, `/results/${kind}${query}`), { headers, signal });
    return parseSafetensors(await response.arrayBuffer());
  },
  /** Which tokens cost most. */
  sweepTokens: (id: string, query: string, signal?: AbortSignal) =>
    json<T.SweepTokens>(sweepPath(id, `/tokens?${query}`), { signal }),
  sweepUnit: (id: string, hook: string, unit: number, signal?: AbortSignal) =>
    json<T.SweepUnit>(unitPath(id, hook, unit), { signal }),
  tokenize: (model: string, text: string, signal?: AbortSignal, more: { add_special_tokens?: boolean } = {}) =>
    json<T.Tokenized>('/tokenize', post({ model, text, ...more }, signal)),
  /** How several tokenizers cut a text, and how each came to its tokens. It never changes. */
  tokenizations: (body: { text: string; with: TokenizerChoice[]; trace?: boolean }, signal?: AbortSignal) =>
    analysis<T.Tokenizations>('/tokenizations', { ...body }, signal),
  detokenize: (model: string, tokens: number[], signal?: AbortSignal) =>
    json<{ text: string; tokens: T.Token[] }>('/detokenize', post({ model, tokens }, signal)),
  runs: (limit: number, before?: string, signal?: AbortSignal) =>
    json<T.Runs>(`/runs?limit=${limit}${before ? `&before=${encodeURIComponent(before)}` : ''}`, { signal }),
  /** A copy of a model that can be changed, update by update. */
  openLearner: (model: string, signal?: AbortSignal) => json<T.Learner>('/learners', post({ model }, signal)),
  learn: (id: string, body: T.LearnerStep, signal?: AbortSignal) =>
    json<T.LearnerStepAnswer>(`/learners/${encodeURIComponent(id)}/steps`, post(body, signal)),
  unlearn: (id: string) => json<T.Learner>(`/learners/${encodeURIComponent(id)}/undo`, post({})),
  /** Also while the page is being left. */
  closeLearner: (id: string) => request(`/learners/${encodeURIComponent(id)}`, { method: 'DELETE', keepalive: true }),

  /** Runs that went on from this one, and from those, the oldest first. */
  branches: (of: string, signal?: AbortSignal) =>
    json<{ runs: T.RunSummary[] }>(`/runs?limit=100&branch_of=${encodeURIComponent(of)}`, { signal }).then(
      (r) => r.runs,
    ),
  run: (id: string, signal?: AbortSignal) => json<T.RunManifest>(`/runs/${encodeURIComponent(id)}`, { signal }),
  deleteRun: (id: string) => request(`/runs/${encodeURIComponent(id)}`, { method: 'DELETE' }),
  cancelRun: (id: string) => request(`/runs/${encodeURIComponent(id)}/cancel`, { method: 'POST' }),
  lens: (run: string, positions?: string, signal?: AbortSignal) =>
    analysis<T.Lens>('/lens', { run, top: 5, positions }, signal),
  /** Of the values that the run has by now: not kept, it may have more of them later. */
  norms: (run: string, signal?: AbortSignal) => json<T.Norms>('/norms', post({ run }, signal)),

  reads: (run: string, query: number, signal?: AbortSignal) => analysis<T.Reads>('/reads', { run, query }, signal),

  feedForward: (body: T.FeedForwardRequest, signal?: AbortSignal) =>
    analysis<T.FeedForward>('/feedforward', { ...body }, signal),
  neuron: (body: T.NeuronRequest, signal?: AbortSignal) => analysis<T.Neuron>('/neuron', { ...body }, signal),
  /** One neuron over a text of any length. */
  neuronActivations: (body: T.NeuronActivationsRequest, signal?: AbortSignal) =>
    analysis<T.NeuronActivations>('/neuron/activations', { ...body }, signal),

  /** Several texts drawn from one place, and how probable a given one is. */
  continuations: (body: Partial<T.ContinuationsRequest> & { request: T.RunRequest }, signal?: AbortSignal) =>
    json<T.Continuations>('/continuations', post(body, signal)),
  logprobs: (body: Partial<T.LogprobsRequest> & { request: T.RunRequest }, signal?: AbortSignal) =>
    analysis<T.Logprobs>('/logprobs', body as Record<string, unknown>, signal),

  /** A question that always has the same answer; asked once. */
  ask: <A>(path: string, body: object | null, signal?: AbortSignal) => analysis<A>(path, body && { ...body }, signal),

  /** Makes a run and gives it when it is finished. */
  makeRun: (body: T.RunRequest, signal?: AbortSignal) => json<T.RunManifest>('/runs', post(body, signal)),
  /** Reads a run's tokens again for what it did not capture. */
  recapture: (run: string, body: { capture: string[]; positions?: string; max_bytes?: number }) =>
    json<T.RunManifest>(`/runs/${encodeURIComponent(run)}/captures`, post(body)),

  /** A run as files that need no server: how far it is, and at last a zip in base64. Aborting the signal cancels it. */
  lesson: (run: string, signal: AbortSignal) =>
    stream<LessonEvent>(`/runs/${encodeURIComponent(run)}/lesson`, {}, signal),

  /** One captured tensor, or part of it, as float32. */
  capture: (run: string, hook: string, slice: Slice = {}, signal?: AbortSignal) =>
    tensor(capturePath(run, hook, slice), signal),

  /** Tensors that never change, by what patternsPath and patternPath give. */
  patterns: (path: string, signal?: AbortSignal) => tensor(path, signal),

  comparisons: (limit: number, signal?: AbortSignal) =>
    json<{ comparisons: T.ComparisonSummary[] }>(`/comparisons?limit=${limit}`, { signal }).then((r) => r.comparisons),
  comparison: (id: string, signal?: AbortSignal) =>
    json<T.ComparisonManifest>(`/comparisons/${encodeURIComponent(id)}`, { signal }),
  deleteComparison: (id: string) => request(`/comparisons/${encodeURIComponent(id)}`, { method: 'DELETE' }),
  comparedTokens: (id: string, part: T.ComparedTokens['part'], from: number, limit: number, signal?: AbortSignal) =>
    json<{ tokens: T.ComparedToken[] }>(tokensPath(id, part, from, limit), { signal }).then((r) => r.tokens),
  /** A heatmap or a cell of a comparison: they never change. */
  compared: (path: string, signal?: AbortSignal) => tensor(path, signal),

  /** Starts a comparison and tells of it as it happens. Aborting the signal cancels it, and nothing is kept. */
  compare: (body: T.ComparisonRequest, signal: AbortSignal) => stream<ComparisonEvent>('/comparisons', body, signal),

  /** The causal analyses that are kept, newest first. */
  analyses: (limit: number, signal?: AbortSignal) =>
    json<T.AnalysisList>(`/analyses?limit=${limit}`, { signal }).then((r) => r.analyses),
  analysis: (id: string, signal?: AbortSignal) => json<T.Analysis>(`/analyses/${encodeURIComponent(id)}`, { signal }),
  /** The difference of the means of two groups of texts at a hook. */
  direction: (body: T.DirectionRequest, signal?: AbortSignal) => json<T.Direction>('/directions', post(body, signal)),
  /** How far the next-token distributions of two runs are apart. */
  shift: (body: { run: string; after: string; pos: number }, signal?: AbortSignal) =>
    json<T.Shift>('/shift', post(body, signal)),
  /** Starts an analysis and tells of it as it happens. Aborting the signal cancels it, and nothing is kept. */
  analyse: (body: T.AnalysisRequest, signal: AbortSignal) => stream<AnalysisEvent>('/analyses', body, signal),

  /** Times a model at several lengths and tells of each as it comes. Aborting the signal cancels it. */
  benchmark: (body: T.BenchmarkRequest, signal: AbortSignal) => stream<BenchmarkEvent>('/benchmarks', body, signal),

  /** Part of a weight under a quantization scheme: its tensors by name, and what is said beside them. */
  async weight(path: string, signal?: AbortSignal): Promise<{ tensors: Map<string, Tensor>; about: Metadata }> {
    const response = await request(path, { headers: { accept: 'application/octet-stream' }, signal });
    const buffer = await response.arrayBuffer();
    return { tensors: parseSafetensors(buffer), about: parseMetadata(buffer) };
  },

  /** Starts a run and tells of it as it happens. Aborting the signal cancels the run between two tokens. */
  stream: (body: T.RunRequest, signal: AbortSignal) => stream<RunEvent>('/runs', body, signal),
};

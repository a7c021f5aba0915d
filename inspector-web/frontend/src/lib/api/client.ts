import { ByteCache } from './cache';
import { Problem, isAbort } from './problem';
import { readEvents } from './sse';
import { parseMetadata, parseSafetensors, singleTensor, type Tensor } from './tensor';
import type * as T from './types';

const BASE = '/api/v1';
const MIB = 1024 * 1024;

/** Slice picks part of a capture, axis by axis, as NumPy writes it: 3, -1, '2:5'. */
export type Slice = Partial<Record<'pos' | 'head' | 'query' | 'key' | 'feature', number | string>>;

/** Captures never change, so they are kept by their URL; analyses of a finished run neither. */
const tensors = new ByteCache<Tensor>(96 * MIB);
const analyses = new ByteCache<unknown>(16 * MIB);

async function request(path: string, init: RequestInit = {}): Promise<Response> {
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

export type Metadata = Record<string, string>;

/** Path of a weight under /api/v1. */
export function tensorPath(slug: string, tensor: string): string {
  return `/models/${encodeURIComponent(slug)}/tensors/${encodeURIComponent(tensor)}`;
}

async function analysis<R>(path: string, body: Record<string, unknown>, signal?: AbortSignal): Promise<R> {
  const key = path + JSON.stringify(body);
  const known = analyses.get(key) as R | undefined;
  if (known) return known;
  const text = await (await request(path, post(body, signal))).text();
  const value = JSON.parse(text) as R;
  analyses.set(key, value, text.length);
  return value;
}

export const api = {
  health: (signal?: AbortSignal) => json<T.Health>('/health', { signal }),
  engines: () => json<{ engines: T.EngineDescription[] }>('/engines').then((r) => r.engines),
  models: () => json<{ default?: string; models: T.ModelSummary[] }>('/models'),
  model: (slug: string, signal?: AbortSignal) =>
    json<T.ModelDetails>(`/models/${encodeURIComponent(slug)}`, { signal }),
  open: (slug: string, how: { engine?: string; precision?: string }) =>
    json<T.EngineInfo>(`/models/${encodeURIComponent(slug)}/open`, post(how)),
  tensors: (slug: string, signal?: AbortSignal) =>
    json<{ tensors: T.TensorEntry[] }>(`/models/${encodeURIComponent(slug)}/tensors`, { signal }).then(
      (r) => r.tensors,
    ),
  schemes: (signal?: AbortSignal) => json<{ schemes: T.Scheme[] }>('/schemes', { signal }).then((r) => r.schemes),
  statistics: (slug: string, tensor: string, signal?: AbortSignal) =>
    json<T.WeightStatistics>(`${tensorPath(slug, tensor)}/statistics`, { signal }),
  block: (slug: string, tensor: string, row: number, col: number, signal?: AbortSignal) =>
    json<T.Block>(`${tensorPath(slug, tensor)}/block?row=${row}&col=${col}`, { signal }),
  tokenize: (model: string, text: string, signal?: AbortSignal) =>
    json<T.TokenizeResult>('/tokenize', post({ model, text }, signal)),
  detokenize: (model: string, tokens: number[], signal?: AbortSignal) =>
    json<{ text: string; tokens: T.Token[] }>('/detokenize', post({ model, tokens }, signal)),
  runs: (limit: number, before?: string, signal?: AbortSignal) =>
    json<{ runs: T.RunSummary[] }>(`/runs?limit=${limit}${before ? `&before=${encodeURIComponent(before)}` : ''}`, {
      signal,
    }).then((r) => r.runs),
  run: (id: string, signal?: AbortSignal) => json<T.RunManifest>(`/runs/${encodeURIComponent(id)}`, { signal }),
  deleteRun: (id: string) => request(`/runs/${encodeURIComponent(id)}`, { method: 'DELETE' }),
  cancelRun: (id: string) => request(`/runs/${encodeURIComponent(id)}/cancel`, { method: 'POST' }),
  lens: (run: string, signal?: AbortSignal) => analysis<T.Lens>('/lens', { run, top: 5 }, signal),
  norms: (run: string, signal?: AbortSignal) => analysis<T.Norms>('/norms', { run }, signal),

  /** One captured tensor, or part of it, as float32. */
  async capture(run: string, hook: string, slice: Slice = {}, signal?: AbortSignal): Promise<Tensor> {
    const path = capturePath(run, hook, slice);
    const known = tensors.get(path);
    if (known) return known;
    const response = await request(path, { headers: { accept: 'application/octet-stream' }, signal });
    const tensor = singleTensor(await response.arrayBuffer());
    tensors.set(path, tensor, tensor.data.byteLength);
    return tensor;
  },

  /** Part of a weight under a quantization scheme: its tensors by name, and what is said beside them. */
  async weight(path: string, signal?: AbortSignal): Promise<{ tensors: Map<string, Tensor>; about: Metadata }> {
    const response = await request(path, { headers: { accept: 'application/octet-stream' }, signal });
    const buffer = await response.arrayBuffer();
    return { tensors: parseSafetensors(buffer), about: parseMetadata(buffer) };
  },

  /** Starts a run and tells of it as it happens. Aborting the signal cancels the run between two tokens. */
  async *stream(body: T.RunRequest, signal: AbortSignal): AsyncGenerator<T.RunEvent> {
    const response = await request('/runs', post(body, signal, 'text/event-stream'));
    if (!response.body) throw Problem.unreachable('/runs', 'the answer has no body');
    try {
      for await (const { event, data } of readEvents(response.body)) {
        yield { event, data: JSON.parse(data) } as T.RunEvent;
      }
    } catch (error) {
      if (isAbort(error) || error instanceof Problem) throw error;
      throw Problem.unreachable('/runs', error);
    }
  },
};

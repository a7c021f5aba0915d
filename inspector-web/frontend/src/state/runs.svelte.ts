import { api } from '../api/client';
import type { Source } from '../api/source';
import type { RunManifest, RunRequest } from '../api/types';
import { liveSource } from './source.svelte';

/** Second runs that a chapter or view shows: of another context or model, or with an intervention. */

const KEPT = 24;
const byId = new Map<string, Promise<Source>>();
const byRequest = new Map<string, Promise<Source>>();

/** A run that the server keeps, by its id. */
export function storedRun(id: string): Promise<Source> {
  return kept(byId, id, async () => liveSource(await api.run(id)));
}

/** A run made for this request, or the one that was made for it before. It is queued like every other. */
export function madeRun(request: RunRequest): Promise<Source> {
  return kept(byRequest, JSON.stringify(request), async () => {
    const source = liveSource(await api.makeRun(request));
    byId.set(source.manifest.id, Promise.resolve(source));
    return source;
  });
}

/**
 * The request that makes a run again with something else about it: same ids, engine, precision and options, and the
 * same seed where there was one.
 */
export function againWith(run: RunManifest, change: Partial<RunRequest>): RunRequest {
  const { model, engine, request, generation } = run;
  const { capture, precision_plan, generate, device } = request;
  return {
    model: model.slug,
    engine: engine.name,
    ...(device ? { device } : {}),
    ...(precision_plan ? { precision_plan } : { precision: request.precision ?? engine.precision }),
    tokens: run.tokens.slice(0, run.prompt_length).map((t) => t.id),
    ...(capture ? { capture } : {}),
    ...(generate ? { generate: generation?.seed == null ? generate : { ...generate, seed: generation.seed } } : {}),
    ...change,
  };
}

function kept(in_: Map<string, Promise<Source>>, key: string, make: () => Promise<Source>): Promise<Source> {
  const known = in_.get(key);
  if (known) return known;
  const made = make();
  in_.set(key, made);
  made.catch(() => in_.delete(key));
  for (const oldest of in_.keys()) {
    if (in_.size <= KEPT) break;
    in_.delete(oldest);
  }
  return made;
}

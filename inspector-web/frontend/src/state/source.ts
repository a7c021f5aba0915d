import { api } from '../api/client';
import { Problem } from '../api/problem';
import type { Source } from '../api/source';
import { parseSafetensors, type Tensor } from '../api/tensor';
import type { KvCacheReport, Lens, Norms, RunManifest, Token } from '../api/types';
import runUrl from '../recorded/run.json?url';
import tensorsUrl from '../recorded/captures.safetensors?url';
import { models } from './models.svelte';

export function liveSource(manifest: RunManifest, kvSteps: KvCacheReport[] | null = null): Source {
  return {
    manifest,
    recorded: false,
    kvSteps,
    vocabulary: null,
    capture: (hook, slice, signal) => {
      if (!manifest.captures.some((c) => c.hook === hook)) throw notCaptured(hook, manifest);
      return api.capture(manifest.id, hook, slice, signal);
    },
    lens: (signal) => api.lens(manifest.id, signal),
    norms: (signal) => api.norms(manifest.id, signal),
  };
}

function notCaptured(hook: string, manifest: RunManifest): Problem {
  const hidden = models.hidden(manifest.model.slug, hook);
  if (hidden) {
    return new Problem({
      title: 'this model does not show what the figure needs',
      status: 404,
      where: hook,
      found: hidden.why,
      instead: hidden.instead,
    });
  }
  return new Problem({
    title: 'this run did not capture what the figure shows',
    status: 404,
    where: hook,
    found: `${manifest.captures.length} captured hooks`,
    instead: 'press Run: the page captures what its figures need',
  });
}

interface Recording {
  manifest: RunManifest;
  kv_steps: KvCacheReport[];
  lens: Lens;
  norms: Norms;
  vocabulary: Token[];
}

/** The real run that is shown while the server opens a model; scripts/record.mjs made it. */
export async function recordedSource(): Promise<Source> {
  const [recording, buffer] = await Promise.all([
    fetch(runUrl).then((r) => r.json() as Promise<Recording>),
    fetch(tensorsUrl).then((r) => r.arrayBuffer()),
  ]);
  const tensors = parseSafetensors(buffer);
  return {
    manifest: recording.manifest,
    recorded: true,
    kvSteps: recording.kv_steps,
    vocabulary: recording.vocabulary,
    capture: async (hook, slice) => {
      const tensor = tensors.get(hook);
      if (!tensor) throw notCaptured(hook, recording.manifest);
      return slice.pos === undefined ? tensor : position(tensor, Number(slice.pos));
    },
    lens: async () => recording.lens,
    norms: async () => recording.norms,
  };
}

/** [1, pos, n] at one position, as the server's ?pos= gives it. */
function position(tensor: Tensor, pos: number): Tensor {
  const width = tensor.shape[2];
  return { name: tensor.name, shape: [1, 1, width], data: tensor.data.subarray(pos * width, (pos + 1) * width) };
}

/**
 * What a recording of a run holds beside its tensors, and which of its values: one way of finding it out, for
 * `npm run record` and for the lesson that the server writes, which runs this file without a browser and without Node.
 */
import { askKey, sent, type Ask } from '../src/api/source';
import type { FeedForward, Neuron, RunManifest } from '../src/api/types';
import type { Scene } from '../src/state/scene';

/** Asks the server: a path under /api/v1 and a body, or null for GET. */
export type Call = <A>(path: string, body: object | null) => Promise<A>;

/** The same for one of a scene's asks, whose answer is kept under a key; `read`: it is wanted here too. */
export type Keep = <A>(key: string, path: string, body: object | null, read: boolean) => Promise<A | undefined>;

/** Inputs of a neuron that are asked for, and tokens it raises and lowers that are kept. */
const INPUTS = 1000;
const KEPT = 12;

/** Hooks of every layer that these scenes want of a model's run, of those that it has: a recording has no server to read again. */
export async function hooksOf(scenes: Scene[], model: string, call: Call): Promise<string[]> {
  const { hooks } = await call<{ hooks: { name: string; available: boolean }[] }>(
    `/models/${encodeURIComponent(model)}/hooks`,
    null,
  );
  // `blocks.*.attn.*`: names with {i} for a layer, of which a glob may mean several.
  const names = hooks.filter((h) => h.available).map((h) => h.name.replace('{i}', '0'));
  const wanted = scenes.flatMap((s) => [...s.hooks, ...(s.recorded ?? [])]).map((h) => h.replace('{layer}', '*'));
  return [...new Set(wanted)].filter((glob) => {
    const pattern = new RegExp(`^${glob.replaceAll('.', '\\.').replaceAll('*', '.*')}$`);
    return names.some((name) => pattern.test(name));
  });
}

const patternOf = (glob: string) =>
  new RegExp(`^${glob.replaceAll('.', '\\.').replaceAll('*', '.*').replace('{layer}', '\\d+')}$`);

/** What a recording of a scene holds whole. */
const globsOf = (s: Scene): string[] => s.recorded ?? s.hooks.map((h) => h.replace('{layer}', '*'));

/** Of a run's values those that a recording of these scenes holds whole. */
export function heldBy(scenes: Scene[], manifest: RunManifest): string[] {
  const holds = scenes.flatMap(globsOf).map(patternOf);
  return manifest.captures.map((c) => c.hook).filter((hook) => holds.some((h) => h.test(hook)));
}

/** Of a hook the file that it is kept in: a kind a file, so that a figure fetches its own. */
export const fileOf = (hook: string): string => `${hook.split('.').at(-1)}.safetensors.gz`;

/** The same for a scene's own recording: what it wants of the chosen layer only (`{layer}`) is kept layer by layer. */
export function ownFileOf(scene: Scene, hook: string): string {
  const of = globsOf(scene).find((glob) => patternOf(glob).test(hook));
  return of?.includes('{layer}') ? `${hook.split('.')[1]}.${fileOf(hook)}` : fileOf(hook);
}

/** Everything but the tensors and the answers that are kept. What the server does not answer is left out: a figure says that the recording lacks it. */
export async function recorded(
  scenes: Scene[],
  manifest: RunManifest,
  call: Call,
  keep: Keep,
  refused: (path: string, why: unknown) => void,
) {
  const model = manifest.model.slug;
  const has = (end: string) => manifest.captures.some((c) => c.hook.endsWith(end));
  const or = async <A>(path: string, body: object | null): Promise<A | null> => {
    try {
      return await call<A>(path, body);
    } catch (why) {
      refused(path, why);
      return null;
    }
  };
  const stream = has('hook_resid_post');
  const run = manifest.id;
  const lens = stream ? await or('/lens', { run, hook: 'hook_resid_post', top: 5 }) : null;
  const norms = stream ? await or('/norms', { run }) : null;
  const reads = has('hook_pattern') ? await or('/reads', { run, query: manifest.prompt_length - 1 }) : null;
  const [feed_forward, neurons] = scenes.some((s) => s.neurons) ? await strongest(manifest, or) : [];

  const known = new Map<string, unknown>();
  const asked = async (ask: Ask, read: boolean): Promise<unknown> => {
    const key = askKey(ask);
    if (known.has(key) && (!read || known.get(key) !== undefined)) return known.get(key);
    // A value that the run lacks is read again, as it is for a figure.
    const hook = /^\/runs\/([^/]+)\/captures\/([^/?]+)/.exec(ask.path);
    if (hook?.[1] === run && !manifest.captures.some((c) => c.hook === decodeURIComponent(hook[2]))) {
      await call(`/runs/${run}/captures`, { capture: [decodeURIComponent(hook[2])] });
    }
    const said = await keep(key, ask.path, sent(ask, model), read);
    known.set(key, said);
    return said;
  };
  for (const scene of scenes) {
    let list: Ask[] = [];
    try {
      list =
        (await scene.asks?.(
          manifest,
          <A>(ask: Ask<object | null, A>) => asked(ask, true) as Promise<A>,
          feed_forward ?? [],
        )) ?? [];
    } catch (why) {
      refused('', why); // what was asked until then is kept
    }
    for (const ask of list) {
      try {
        await asked(ask, false);
      } catch (why) {
        refused(ask.path, why);
      }
    }
  }

  const ids = Array.from({ length: manifest.model.vocab }, (_, id) => id);
  const details = await or<{ spec: object }>(`/models/${encodeURIComponent(model)}`, null);
  const words = await or<{ tokens: { text: string }[] }>('/detokenize', { model, tokens: ids });
  return {
    lens,
    norms,
    reads,
    feed_forward,
    neurons,
    spec: details?.spec ?? null,
    vocabulary: words?.tokens.map((t) => t.text) ?? null,
  };
}

/** Every layer's feed-forward part at the last prompt token; and, at every position, the neuron that makes most of its own. */
async function strongest(
  { id: run, prompt_length, tokens, model }: RunManifest,
  ask: <A>(path: string, body: object) => Promise<A | null>,
): Promise<[FeedForward[], Neuron[]] | []> {
  const pos = prompt_length - 1;
  const parts: FeedForward[] = [];
  for (let layer = 0; layer < model.n_layers; layer++) {
    const part = await ask<FeedForward>('/feedforward', { run, layer, pos });
    if (!part) return [];
    parts.push(part);
  }
  const { layer, strongest } = parts.reduce((a, b) => (b.strongest[0].share > a.strongest[0].share ? b : a));
  const neuron = strongest[0].neuron;
  const all: Neuron[] = [];
  for (let pos = 0; pos < tokens.length - 1; pos++) {
    const one = await ask<Neuron>('/neuron', { run, layer, neuron, pos, top: INPUTS, tokens: KEPT });
    if (!one) return [];
    all.push(one);
  }
  return [parts, all];
}

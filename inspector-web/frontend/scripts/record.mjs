#!/usr/bin/env node
/**
 * Records a real run of a live server for the first paint of a view or a chapter, from its scene (first example, hooks):
 *
 *   npm run record -- trace | 08-attention-qkv [--url http://127.0.0.1:7070] [--model SLUG] [--new 20]
 *
 * Writes recording/ into its folder: run.json (manifest, cache by step, lens, norms, vocabulary, what the server says to
 * the scene's asks, and which file holds a hook) and one gzipped safetensors file a kind of hook, so that a figure fetches its own. Nothing is changed on the way.
 */
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { gzipSync } from 'node:zlib';
import { createServer } from 'vite';

const { values: args, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    url: { type: 'string', default: 'http://127.0.0.1:7070' },
    model: { type: 'string' },
    new: { type: 'string', default: '20' },
  },
});
const what = positionals[0] ?? 'trace';
const root = fileURLToPath(new URL('..', import.meta.url));
const api = `${args.url}/api/v1`;

const vite = await createServer({ root, server: { middlewareMode: true }, appType: 'custom', logLevel: 'error' });
const { VIEWS } = await vite.ssrLoadModule('/src/views/list.ts');
const { CHAPTERS } = await vite.ssrLoadModule('/src/chapters/list.ts');
const { askKey, sent } = await vite.ssrLoadModule('/src/api/source.ts');

const chapter = CHAPTERS.find((c) => c.folder === what);
const scene = chapter ? chapter.record : VIEWS.find((v) => v.view === what)?.scene;
if (!scene) throw new Error(`${what} is no view or chapter that shows runs`);
const out = `${root}src/${chapter ? 'chapters' : 'views'}/${what}/recording/`;

const json = (body) => ({
  method: 'POST',
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify(body),
});
async function call(path, init) {
  const response = await fetch(api + path, init);
  if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
  return response;
}

const { default: fallback } = await (await call('/models')).json();
const model = args.model ?? fallback;
const request = {
  model,
  prompt: scene.examples[0].prompt,
  // Of every layer: a recording has no server to read again.
  capture: [...new Set([...scene.hooks, ...(scene.recorded ?? [])])].map((h) => h.replace('{layer}', '*')),
  generate: { max_new_tokens: Number(args.new), greedy: true, alternatives: 10 },
};

// The stream tells how the cache grew; the manifest comes last.
const init = json(request);
init.headers.accept = 'text/event-stream';
const stream = await (await call('/runs', init)).text();
const events = stream
  .split(/\r?\n\r?\n/)
  .map((block) => ({
    event: /^event: ?(.*)$/m.exec(block)?.[1],
    data: [...block.matchAll(/^data: ?(.*)$/gm)].map((m) => m[1]).join('\n'),
  }))
  .filter((e) => e.event && e.data)
  .map((e) => ({ event: e.event, data: JSON.parse(e.data) }));
const failed = events.find((e) => e.event === 'error');
if (failed) throw new Error(JSON.stringify(failed.data, null, 2));
const manifest = events.find((e) => e.event === 'done').data;
const kv_steps = events.filter((e) => e.event === 'prefilled' || e.event === 'token').map((e) => e.data.kv_cache);

const stream_hooks = manifest.captures.some((c) => c.hook.endsWith('hook_resid_post'));
const lens = stream_hooks
  ? await (await call('/lens', json({ run: manifest.id, hook: 'hook_resid_post', top: 5 }))).json()
  : null;
const norms = stream_hooks ? await (await call('/norms', json({ run: manifest.id }))).json() : null;
const reads = manifest.captures.some((c) => c.hook.endsWith('hook_pattern'))
  ? await (await call('/reads', json({ run: manifest.id, query: manifest.prompt_length - 1 }))).json()
  : null;
const [feed_forward, neurons] = scene.neurons ? await strongest() : [];
const answers = {};
const answer = async (ask) => {
  const body = sent(ask, model);
  const init = body ? json(body) : { headers: { accept: 'application/json' } };
  // A value that the run lacks is read again, as it is for a figure.
  const hook = /^\/runs\/[^/]+\/captures\/([^/?]+)/.exec(ask.path)?.[1];
  if (hook && !manifest.captures.some((c) => c.hook === hook)) {
    await call(`/runs/${manifest.id}/captures`, json({ capture: [decodeURIComponent(hook)] }));
  }
  return (answers[askKey(ask)] ??= await (await call(ask.path, init)).json());
};
for (const ask of (await scene.asks?.(manifest, answer)) ?? []) await answer(ask);
await vite.close(); // asks are modules of the page
const ids = Array.from({ length: manifest.model.vocab }, (_, id) => id);
const { spec } = await (await call(`/models/${model}`)).json();
const vocabulary = (await (await call('/detokenize', json({ model, tokens: ids }))).json()).tokens.map((t) => t.text);

const holds = (scene.recorded ?? ['*']).map(
  (h) => new RegExp(`^${h.replaceAll('.', '\\.').replaceAll('*', '.*').replace('{layer}', '\\d+')}$`),
);
const kinds = new Map();
for (const { hook } of manifest.captures) {
  if (!holds.some((h) => h.test(hook))) continue;
  const kind = hook.split('.').at(-1);
  kinds.set(kind, [...(kinds.get(kind) ?? []), hook]);
}

await rm(out, { recursive: true, force: true });
await mkdir(out, { recursive: true });
const files = {};
for (const [kind, hooks] of kinds) {
  const name = `${kind}.safetensors.gz`;
  const packed = gzipSync(await safetensors(hooks), { level: 9 });
  for (const hook of hooks) files[hook] = name;
  await writeFile(out + name, packed);
  console.log(`${name}: ${(packed.length / 1024).toFixed(0)} KiB, ${hooks.length} hooks`);
}
const text = JSON.stringify({
  manifest,
  kv_steps,
  lens,
  norms,
  reads,
  feed_forward,
  neurons,
  spec,
  answers,
  vocabulary,
  files,
});
await writeFile(`${out}run.json`, text);
console.log(
  `run.json: ${(gzipSync(text).length / 1024).toFixed(0)} KiB packed\nRecorded ${manifest.id}: ${manifest.text}\nin ${out}`,
);

/** Every layer's feed-forward part at the last prompt token; and, at every position, the neuron that makes most of its own. */
async function strongest() {
  const { id: run, prompt_length, tokens, model } = manifest;
  const ask = async (path, body) => (await call(path, json({ run, ...body }))).json();
  const pos = prompt_length - 1;
  const parts = [];
  for (let layer = 0; layer < model.n_layers; layer++) parts.push(await ask('/feedforward', { layer, pos }));
  const { layer, strongest } = parts.reduce((a, b) => (b.strongest[0].share > a.strongest[0].share ? b : a));
  const neuron = strongest[0].neuron;
  const all = [];
  for (let pos = 0; pos < tokens.length - 1; pos++) all.push(await ask('/neuron', { layer, neuron, pos, top: 1000 }));
  for (const n of all) for (const list of ['raised', 'lowered']) n[list] = n[list].slice(0, 12);
  console.log(`neuron ${neuron} of layer ${layer}`);
  return [parts, all];
}

/** One file of these captures of the run, as the server gives them. */
async function safetensors(hooks) {
  const entries = {};
  const parts = [];
  let offset = 0;
  for (const hook of hooks) {
    const file = Buffer.from(await (await call(`/runs/${manifest.id}/captures/${hook}`)).arrayBuffer());
    const headerLength = Number(file.readBigUInt64LE(0));
    const entry = JSON.parse(file.subarray(8, 8 + headerLength).toString())[hook];
    const data = file.subarray(8 + headerLength + entry.data_offsets[0], 8 + headerLength + entry.data_offsets[1]);
    entries[hook] = { dtype: entry.dtype, shape: entry.shape, data_offsets: [offset, offset + data.length] };
    parts.push(data);
    offset += data.length;
  }
  let header = Buffer.from(JSON.stringify(entries));
  header = Buffer.concat([header, Buffer.alloc((8 - (header.length % 8)) % 8, ' ')]);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(header.length));
  return Buffer.concat([length, header, ...parts]);
}

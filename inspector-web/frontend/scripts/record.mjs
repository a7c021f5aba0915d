#!/usr/bin/env node
/**
 * Records a real run of a live server for the first paint of a view or a chapter, from its scene (first example, hooks):
 *
 *   npm run record -- trace | 08-attention-qkv [--url http://127.0.0.1:7070] [--model SLUG] [--new 10]
 *
 * Writes recording/ into its folder: run.json (manifest, cache by step, lens, norms, vocabulary, what the server says to
 * the scene's asks, and which file holds a hook), one gzipped safetensors file a kind of hook, or a layer's, so that a figure
 * fetches its own, and the strongest neuron at every position. No number is changed on the way.
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
    new: { type: 'string' },
  },
});
const PLANES = 4;
const what = positionals[0] ?? 'trace';
const root = fileURLToPath(new URL('..', import.meta.url));
const api = `${args.url}/api/v1`;

const vite = await createServer({ root, server: { middlewareMode: true }, appType: 'custom', logLevel: 'error' });
const { RECORDED_TOKENS } = await vite.ssrLoadModule('/src/state/scene.ts');
const { VIEWS } = await vite.ssrLoadModule('/src/views/list.ts');
const { CHAPTERS } = await vite.ssrLoadModule('/src/chapters/list.ts');
const { heldBy, hooksOf, ownFileOf, recorded } = await vite.ssrLoadModule('/scripts/recorder.ts');

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

const ask = async (path, body) =>
  (await call(path, body ? json(body) : { headers: { accept: 'application/json' } })).json();

const { default: fallback } = await (await call('/models')).json();
const model = args.model ?? fallback;
const request = {
  model,
  prompt: scene.examples[0].prompt,
  capture: await hooksOf([scene], model, ask),
  generate: { max_new_tokens: Number(args.new ?? RECORDED_TOKENS), greedy: true, alternatives: 10 },
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

const answers = {};
const keep = async (key, path, body) => (answers[key] ??= await ask(path, body));
const { vocabulary, spec, neurons, ...rest } = await recorded([scene], manifest, ask, keep, (path, why) => {
  throw new Error(`${path}: ${why}`);
});
await vite.close(); // asks are modules of the page

const kinds = new Map();
for (const hook of heldBy([scene], manifest)) {
  const file = ownFileOf(scene, hook);
  kinds.set(file, [...(kinds.get(file) ?? []), hook]);
}

await rm(out, { recursive: true, force: true });
await mkdir(out, { recursive: true });
const files = {};
for (const [name, hooks] of kinds) {
  const packed = gzipSync(await safetensors(hooks), { level: 9 });
  for (const hook of hooks) files[hook] = name;
  await writeFile(out + name, packed);
  console.log(`${name}: ${(packed.length / 1024).toFixed(0)} KiB, ${hooks.length} hooks`);
}
// The first screen is of the last prompt token; its neuron elsewhere comes when asked for.
const first = neurons?.filter((n) => n.pos === manifest.prompt_length - 1);
if (neurons) await writeFile(`${out}neurons.json.gz`, gzipSync(JSON.stringify(neurons), { level: 9 }));
const text = JSON.stringify({ manifest, kv_steps, ...rest, neurons: first, spec, answers, vocabulary, files });
await writeFile(`${out}run.json`, text);
console.log(
  `run.json: ${(gzipSync(text).length / 1024).toFixed(0)} KiB packed\nRecorded ${manifest.id}: ${manifest.text}\nin ${out}`,
);

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
  // All first bytes of the float32s, then all second ones: that packs smaller, as in a lesson.
  const data = Buffer.concat(parts);
  const planes = Buffer.alloc(data.length);
  for (let i = 0; i < data.length; i++)
    planes[(i % PLANES) * (data.length / PLANES) + Math.floor(i / PLANES)] = data[i];
  let header = Buffer.from(JSON.stringify({ __metadata__: { planes: `${PLANES}` }, ...entries }));
  header = Buffer.concat([header, Buffer.alloc((8 - (header.length % 8)) % 8, ' ')]);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(header.length));
  return Buffer.concat([length, header, planes]);
}

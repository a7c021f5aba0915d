#!/usr/bin/env node
/**
 * Records one real run of a live server, for the page's first paint:
 *
 *   npm run record -- [--url http://127.0.0.1:7070] [--model SLUG] [--prompt TEXT] [--new 24]
 *
 * Writes src/recorded/run.json (manifest, cache by step, lens, norms, vocabulary) and src/recorded/captures.safetensors
 * (attention patterns and logits). Nothing is changed on the way.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const { values: args } = parseArgs({
  options: {
    url: { type: 'string', default: 'http://127.0.0.1:7070' },
    model: { type: 'string' },
    prompt: { type: 'string', default: 'Once upon a time, there was a little girl named Lily. She loved to' },
    new: { type: 'string', default: '24' },
  },
});
const api = `${args.url}/api/v1`;
const out = fileURLToPath(new URL('../src/recorded/', import.meta.url));
const WARN_BYTES = 600 * 1024;

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
  prompt: args.prompt,
  capture: [
    'blocks.*.attn.hook_pattern',
    'blocks.*.hook_resid_pre',
    'blocks.*.hook_resid_mid',
    'blocks.*.hook_resid_post',
    'blocks.*.hook_attn_out',
    'blocks.*.hook_mlp_out',
    'logits',
  ],
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

const lens = await (await call('/lens', json({ run: manifest.id, hook: 'hook_resid_post', top: 5 }))).json();
const norms = await (await call('/norms', json({ run: manifest.id }))).json();
const ids = Array.from({ length: manifest.model.vocab }, (_, id) => id);
const vocabulary = (await (await call('/detokenize', json({ model, tokens: ids }))).json()).tokens;

// One safetensors file of the two kinds of tensor that the figures draw themselves.
const entries = {};
const parts = [];
let offset = 0;
for (const { hook } of manifest.captures) {
  if (hook !== 'logits' && !hook.endsWith('.attn.hook_pattern')) continue;
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

await mkdir(out, { recursive: true });
const text = JSON.stringify({ manifest, kv_steps, lens, norms, vocabulary });
await writeFile(`${out}run.json`, text);
await writeFile(`${out}captures.safetensors`, Buffer.concat([length, header, ...parts]));
const bytes = text.length + offset;
console.log(`Recorded ${manifest.id}: ${manifest.text}\n${(bytes / 1024).toFixed(0)} KiB in ${out}`);
if (bytes > WARN_BYTES) console.warn('That is large for a first paint: use a shorter prompt or fewer new tokens.');

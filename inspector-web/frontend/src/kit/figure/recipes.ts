import { capturePath } from '../../api/client';
import { sent } from '../../api/source';
import type { RunManifest } from '../../api/types';
import type { DataRef } from './figure';

/** A recipe for a figure's numbers without the page: the same REST call, from a shell and from Python. */
export interface Recipe {
  curl: string;
  python: string;
}

/** The Python client's method of each path; a part of the path is the argument that is named. */
export const METHODS: [path: RegExp, method: string, named?: string][] = [
  [/^\/analyses$/, 'analyse'],
  [/^\/benchmarks$/, 'benchmark'],
  [/^\/clock$/, 'clock'],
  [/^\/comparisons$/, 'compare'],
  [/^\/continuations$/, 'continuations'],
  [/^\/cost$/, 'cost'],
  [/^\/directions$/, 'direction'],
  [/^\/distances$/, 'distances'],
  [/^\/embeddings\/map$/, 'embeddings_map'],
  [/^\/embeddings\/neighbours$/, 'neighbours'],
  [/^\/embeddings\/waves$/, 'embeddings_waves'],
  [/^\/gradients$/, 'gradients'],
  [/^\/heads$/, 'heads'],
  [/^\/evidence\/heads$/, 'evidence_heads'],
  [/^\/evidence\/loss$/, 'evidence_loss'],
  [/^\/evidence\/unit$/, 'evidence_unit'],
  [/^\/heads\/circuits$/, 'head_circuits'],
  [/^\/heads\/effects$/, 'head_effects'],
  [/^\/heads\/repeated$/, 'heads_repeated'],
  [/^\/lens$/, 'lens'],
  [/^\/lessons$/, 'lessons'],
  [/^\/logprobs$/, 'logprobs'],
  [/^\/models\/([^/]+)\/positions$/, 'positions', 'model'],
  [/^\/norms$/, 'norms'],
  [/^\/optimizers$/, 'descend'],
  [/^\/positions\/distances$/, 'position_distances'],
  [/^\/positions\/heads$/, 'position_heads'],
  [/^\/positions\/shift$/, 'position_shift'],
  [/^\/runs$/, 'run'],
  [/^\/runs\/([^/]+)$/, 'get', 'run_id'],
  [/^\/timeline$/, 'timeline'],
  [/^\/tokenizations$/, 'tokenizations'],
];
/** Fields of a body whose own fields are arguments, and fields that Python calls otherwise. */
const FLAT = new Set(['generate', 'of', 'options']);
const RENAMED: Record<string, string> = { with: 'tokenizers', from: 'start' };
const IMPORT = 'from llm_inspector import Inspector\n\n';
const WIDE = 100;

/** Single-quoted for a POSIX shell. */
function sh(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

/** One call and its answer. */
export function callRecipe(path: string, body: object | null, origin: string): Recipe {
  return {
    curl: curl(path, body, origin),
    python: `${IMPORT}server = Inspector(${py(origin)})\nanswer = server.${method(path, body)}`,
  };
}

export function recipe(ref: DataRef, manifest: RunManifest, origin: string, recorded: boolean): Recipe {
  const base = `${origin}/api/v1`;
  const run = manifest.id;
  const url = (path: string) => (recorded ? `"${base}${path.replace(run, '$RUN')}"` : sh(base + path));
  const open = `${IMPORT}run = Inspector(${py(origin)}).get(${py(run)})\n`;
  const made = ((): Recipe => {
    switch (ref.kind) {
      case 'capture': {
        const file = `${ref.hook.replaceAll('.', '_')}.safetensors`;
        return {
          curl: `curl -o ${file} ${url(capturePath(run, ref.hook, ref.slice))}`,
          python: `${open}values = run.capture(${py(ref.hook)})${ref.index ?? ''}`,
        };
      }
      case 'lens':
      case 'norms':
        return { curl: curl(`/${ref.kind}`, { run }, origin), python: `${open}${ref.kind} = run.${ref.kind}()` };
      case 'manifest':
        return {
          curl: `curl -s ${url(`/runs/${run}`)} | jq '${ref.path}'`,
          python: `${open}values = run.${ref.python}`,
        };
      case 'answer':
        return (
          effective(ref.ask.path, url, open) ?? callRecipe(ref.ask.path, sent(ref.ask, manifest.model.slug), origin)
        );
    }
  })();
  return recorded ? again(made, manifest, base) : made;
}

/** Of a run's recurrent layer: a method of the run itself. */
function effective(path: string, url: (path: string) => string, open: string): Recipe | null {
  const found = /^\/runs\/[^/]+\/effective\/(\d+)(?:\?(.*))?$/.exec(path);
  if (!found) return null;
  const slice = [...new URLSearchParams(found[2] ?? '')].map(([name, value]) => `, ${name}=${py(value)}`).join('');
  return { curl: `curl -s ${url(path)}`, python: `${open}answer = run.effective(${found[1]}${slice})` };
}

/** A recorded run is not in this server's store: it is made first, and the id that comes back is used. */
function again(made: Recipe, manifest: RunManifest, base: string): Recipe {
  const run = manifest.id;
  if (!made.curl.includes(run) && !made.curl.includes('$RUN')) return made;
  const request = JSON.stringify(manifest.request);
  const first = `RUN=$(curl -s ${base}/runs -H 'content-type: application/json' \\\n  -d ${sh(request)} | jq -r .id)\n`;
  const last = made.python.split('\n').filter((line) => !/^(from |run = |server = |$)/.test(line));
  return {
    // Out of the single quotes for the shell's variable, and in again.
    curl: first + made.curl.replaceAll(run, `'"$RUN"'`),
    python:
      againInPython(manifest) +
      last
        .join('\n')
        .replaceAll(py(run), 'again')
        .replace(/\brun\./, 'again.')
        .replace(/\bserver\./, 'Inspector().'),
  };
}

function curl(path: string, body: object | null, origin: string): string {
  const url = sh(`${origin}/api/v1${path}`);
  return body
    ? `curl -s ${url} -H 'content-type: application/json' \\\n  -d ${sh(JSON.stringify(body))}`
    : `curl -s ${url}`;
}

function method(path: string, body: object | null): string {
  for (const [pattern, name, named] of METHODS) {
    const found = pattern.exec(path);
    if (!found) continue;
    const fields = Object.entries(body ?? {}).flatMap(([key, value]: [string, unknown]) =>
      FLAT.has(key) ? Object.entries(value as object) : [[RENAMED[key] ?? key, value] as [string, unknown]],
    );
    if (named) fields.unshift([named, decodeURIComponent(found[1])]);
    const given = fields.filter(([, value]) => value !== undefined).map(([key, value]) => `${key}=${literal(value)}`);
    const short = given.join(', ');
    return short.length <= WIDE ? `${name}(${short})` : `${name}(\n${given.map((g) => `    ${g},\n`).join('')})`;
  }
  throw new Error(`no method of the Python client is known for ${path}`);
}

function againInPython(manifest: RunManifest): string {
  const { prompt, tokens, capture, generate } = manifest.request;
  const said = prompt !== undefined ? py(prompt) : `tokens=${JSON.stringify(tokens)}`;
  const more: [string, unknown][] = [
    ['model', manifest.model.slug],
    ['capture', capture ?? []],
    ...Object.entries(generate ?? {}),
  ];
  const named = more.map(([name, value]) => `    ${name}=${literal(value)},\n`).join('');
  return `${IMPORT}again = Inspector().run(\n    ${said},\n${named})\n`;
}

/** A value of JSON as Python writes it. */
function literal(value: unknown): string {
  if (value === null || value === undefined) return 'None';
  if (typeof value === 'boolean') return value ? 'True' : 'False';
  if (Array.isArray(value)) return `[${value.map(literal).join(', ')}]`;
  if (typeof value !== 'object') return JSON.stringify(value);
  const fields = Object.entries(value).filter(([, v]) => v !== undefined);
  return `{${fields.map(([key, v]) => `${py(key)}: ${literal(v)}`).join(', ')}}`;
}

function py(text: string): string {
  return JSON.stringify(text);
}

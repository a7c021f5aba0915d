import { capturePath } from '../api/client';
import type { RunManifest } from '../api/types';
import type { DataRef } from './figure';

/** Recipe is how to get a figure's numbers without the page: the same REST call, from a shell and from Python. */
export interface Recipe {
  curl: string;
  python: string;
}

/** Single-quoted for a POSIX shell. */
function sh(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

export function recipe(ref: DataRef, manifest: RunManifest, origin: string, recorded: boolean): Recipe {
  const base = `${origin}/api/v1`;
  const run = manifest.id;
  // A recorded run is not in this server's store: make it again first, and use the id that comes back.
  const request = JSON.stringify(manifest.request);
  const firstCurl = recorded
    ? `RUN=$(curl -s ${base}/runs -H 'content-type: application/json' \\\n  -d ${sh(request)} | jq -r .id)\n`
    : '';
  const id = recorded ? '$RUN' : run;
  const url = (path: string) => (recorded ? `"${base}${path.replace(run, '$RUN')}"` : sh(base + path));
  const firstPython = recorded ? againInPython(manifest) : '';
  const open = `from llm_inspector import Inspector\n\nrun = ${recorded ? 'again' : `Inspector(${py(origin)}).get(${py(run)})`}\n`;

  switch (ref.kind) {
    case 'capture': {
      const file = `${ref.hook.replaceAll('.', '_')}.safetensors`;
      return {
        curl: `${firstCurl}curl -o ${file} ${url(capturePath(run, ref.hook, ref.slice))}`,
        python: python(firstPython, open, `values = run.capture(${py(ref.hook)})${ref.index ?? ''}`),
      };
    }
    case 'lens':
    case 'norms': {
      const body = recorded ? `"{\\"run\\": \\"$RUN\\"}"` : sh(JSON.stringify({ run: id }));
      return {
        curl: `${firstCurl}curl ${base}/${ref.kind} -H 'content-type: application/json' \\\n  -d ${body}`,
        python: python(firstPython, open, `${ref.kind} = run.${ref.kind}()`),
      };
    }
    case 'manifest':
      return {
        curl: `${firstCurl}curl -s ${url(`/runs/${run}`)} | jq '${ref.path}'`,
        python: python(firstPython, open, `values = run.${ref.python}`),
      };
  }
}

function python(first: string, open: string, last: string): string {
  return first ? `${first}${last.replace(/\brun\./, 'again.')}` : `${open}${last}`;
}

function againInPython(manifest: RunManifest): string {
  const { prompt, tokens, capture, generate } = manifest.request;
  const said = prompt !== undefined ? py(prompt) : `tokens=${JSON.stringify(tokens)}`;
  const more: [string, unknown][] = [
    ['model', manifest.model.slug],
    ['capture', capture ?? []],
    ...Object.entries(generate ?? {}),
  ];
  const named = more.map(([name, value]) => `    ${name}=${pyValue(value)},\n`).join('');
  return `from llm_inspector import Inspector\n\nagain = Inspector().run(\n    ${said},\n${named})\n`;
}

function pyValue(value: unknown): string {
  if (typeof value === 'boolean') return value ? 'True' : 'False';
  return value === null ? 'None' : JSON.stringify(value);
}

function py(text: string): string {
  return JSON.stringify(text);
}

import type { GetManualChunk, OutputAsset, OutputChunk } from 'rollup';
import type { Plugin } from 'vite';

/** What `/` shows, and what every page starts with. */
const FIRST = '/src/views/trace/Trace.svelte';
/** What it shows further down. */
const NEAR = '/src/views/trace/figures.ts';
const ENTRY = '/src/main.ts';
/** Fonts of the first screen. */
const FONTS = /(source-sans-3|newsreader)-latin-wght-normal/;

type Modules = Parameters<GetManualChunk>[1];

/** The modules that one imports, without those that it asks for later. */
function reach(modules: Modules, end: string): Set<string> {
  const seen = new Set<string>();
  const next = [...modules.getModuleIds()].filter((id) => id.endsWith(end));
  while (next.length > 0) {
    const id = next.pop()!;
    if (seen.has(id)) continue;
    seen.add(id);
    next.push(...(modules.getModuleInfo(id)?.importedIds ?? []));
  }
  return seen;
}

/**
 * One chunk of what the first view draws with, its libraries among it, and one of what it draws with further down, instead
 * of a dozen requests of 1 KB.
 */
let chunks: Map<string, string> | undefined;
export const figures: GetManualChunk = (id, modules) => {
  if (!chunks) {
    const [entry, first, near] = [ENTRY, FIRST, NEAR].map((end) => reach(modules, end));
    const mine = (m: string) => /\/node_modules\/|\/src\/(api|kit)\//.test(m) && !m.endsWith('.css');
    chunks = new Map([...near].filter(mine).map((m) => [m, 'plots']));
    for (const m of [...first, ...entry]) if (mine(m)) chunks.set(m, 'figures');
  }
  return chunks.get(id);
};

/**
 * Names in the page's head what it will ask for anyway, so that it comes beside the first script and not after it: the
 * text's fonts, and at `/` the first view's code. Other addresses get `view.html`, which is without the latter.
 */
export const preloads: Plugin = {
  name: 'first-view',
  apply: 'build',
  enforce: 'post',
  generateBundle(_, bundle) {
    const files = Object.values(bundle);
    const page = files.find((f): f is OutputAsset => f.type === 'asset' && f.fileName === 'index.html');
    const view = files.find(
      (f): f is OutputChunk => f.type === 'chunk' && f.moduleIds.some((id) => id.endsWith(FIRST)),
    );
    const entry = files.find((f): f is OutputChunk => f.type === 'chunk' && f.isEntry);
    if (!page || !view || !entry) throw new Error(`no page, no entry or no ${FIRST} in what was built`);
    const fonts = files.filter((f) => FONTS.test(f.fileName) && f.fileName.endsWith('.woff2'));
    const before = new Set([entry.fileName, ...entry.imports]);
    const code = [view.fileName, ...view.imports].filter((f) => !before.has(f));
    const styles = code.flatMap((f) => {
      const chunk = bundle[f];
      return chunk?.type === 'chunk' ? [...(chunk.viteMetadata?.importedCss ?? [])] : [];
    });
    const html = String(page.source);
    const head = (lines: string[]) => html.replace('  </head>', `${lines.map((l) => `    ${l}\n`).join('')}  </head>`);
    const all = fonts.map(
      (f) => `<link rel="preload" as="font" type="font/woff2" crossorigin href="/${f.fileName}" />`,
    );
    const first = [
      ...code.map((f) => `<link rel="modulepreload" crossorigin href="/${f}" />`),
      ...styles.map((f) => `<link rel="preload" as="style" crossorigin href="/${f}" />`),
    ];
    this.emitFile({ type: 'asset', fileName: 'view.html', source: head(all) });
    page.source = head([...all, ...first]);
  },
};

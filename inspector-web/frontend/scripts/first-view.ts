import type { GetManualChunk, OutputAsset, OutputChunk } from 'rollup';
import type { Plugin } from 'vite';

/** What `/` shows, and what every page starts with. */
const FIRST = '/src/views/trace/Trace.svelte';
/** What it shows further down. */
const NEAR = '/src/views/trace/figures.ts';
const ENTRY = '/src/main.ts';
const OURS = /\/src\//;
/** Fonts of the first screen. */
const FONTS = /(source-sans-3|newsreader)-latin-wght-normal/;

type Modules = Parameters<GetManualChunk>[1];

/** The module of a chapter that its address loads. */
const CHAPTER = /\/src\/chapters\/(\d\d-[^/]+)\/Chapter\.svelte$/;
/** The module of a view that its address, the folder's name, loads. */
const VIEW = /\/src\/views\/([a-z]+)\/[A-Z][a-z]+\.svelte$/;
/** What all chapters are made with: the template, its parts, what the page's state has for them. */
const TEMPLATE = /\/src\/(chapters|state)\/[^/]+$/;

/** The modules that these import, without those that they ask for later. */
function reach(modules: Modules, ids: string[]): Set<string> {
  const seen = new Set<string>();
  const next = [...ids];
  while (next.length > 0) {
    const id = next.pop()!;
    if (seen.has(id)) continue;
    seen.add(id);
    next.push(...(modules.getModuleInfo(id)?.importedIds ?? []));
  }
  return seen;
}

/**
 * One chunk of what the first view draws with, its libraries among it, one of what it and several chapters draw with
 * further down, and one of the chapters' template, instead of dozens of requests of 1 KB.
 */
let chunks: Map<string, string> | undefined;
export const figures: GetManualChunk = (id, modules) => {
  if (!chunks) {
    const all = [...modules.getModuleIds()];
    const named = (end: string) =>
      reach(
        modules,
        all.filter((m) => m.endsWith(end)),
      );
    const [entry, first, near] = [ENTRY, FIRST, NEAR].map(named);
    const script = (m: string) => !m.endsWith('.css');
    const kit = (m: string) => /\/node_modules\/|\/src\/(api|kit)\/|vite\/preload-helper/.test(m) && script(m);
    const users = new Map<string, number>();
    for (const chapter of all.filter((m) => CHAPTER.test(m))) {
      for (const m of reach(modules, [chapter])) users.set(m, (users.get(m) ?? 0) + 1);
    }
    const shared = [...users].filter(([m, n]) => n > 1 && !entry.has(m) && !first.has(m)).map(([m]) => m);
    chunks = new Map(shared.filter((m) => TEMPLATE.test(m) && script(m)).map((m) => [m, 'template']));
    for (const m of [...near, ...shared]) if (kit(m)) chunks.set(m, 'plots');
    for (const m of [...first, ...entry]) if (kit(m)) chunks.set(m, 'figures');
    // Named, or the template would take along what it shares with every page and the first view.
    const page = [...entry, ...[...first].filter((m) => TEMPLATE.test(m))];
    for (const m of page) if (OURS.test(m) && script(m) && !chunks.has(m) && !m.endsWith(ENTRY)) chunks.set(m, 'page');
  }
  return chunks.get(id);
};

/**
 * Names in the page's head what it will ask for anyway, so that it comes beside the first script and not after it: the
 * text's fonts, and the code of what the address shows: `index.html` is for `/`, `chapters/` and `views/` have a page each for
 * the others, and `view.html` is for an address that shows neither.
 */
export const preloads: Plugin = {
  name: 'first-view',
  apply: 'build',
  enforce: 'post',
  generateBundle(_, bundle) {
    const files = Object.values(bundle);
    const page = files.find((f): f is OutputAsset => f.type === 'asset' && f.fileName === 'index.html');
    const scripts = files.filter((f): f is OutputChunk => f.type === 'chunk');
    const view = scripts.find((f) => f.moduleIds.some((id) => id.endsWith(FIRST)));
    const entry = scripts.find((f) => f.isEntry);
    if (!page || !view || !entry) throw new Error(`no page, no entry or no ${FIRST} in what was built`);
    const fonts = files.filter((f) => FONTS.test(f.fileName) && f.fileName.endsWith('.woff2'));
    const html = String(page.source);
    const head = (lines: string[]) => html.replace('  </head>', `${lines.map((l) => `    ${l}\n`).join('')}  </head>`);
    const all = fonts.map(
      (f) => `<link rel="preload" as="font" type="font/woff2" crossorigin href="/${f.fileName}" />`,
    );
    const before = new Set([entry.fileName, ...entry.imports]);
    const wanted = (chunk: OutputChunk) => {
      const code = [chunk.fileName, ...chunk.imports].filter((f) => !before.has(f));
      const styles = code.flatMap((f) => {
        const part = bundle[f];
        return part?.type === 'chunk' ? [...(part.viteMetadata?.importedCss ?? [])] : [];
      });
      return [
        ...code.map((f) => `<link rel="modulepreload" crossorigin href="/${f}" />`),
        ...styles.map((f) => `<link rel="stylesheet" crossorigin href="/${f}" />`),
      ];
    };
    this.emitFile({ type: 'asset', fileName: 'view.html', source: head(all) });
    for (const chunk of scripts) {
      const id = chunk.facadeModuleId ?? '';
      const [chapter, place] = [CHAPTER.exec(id)?.[1], VIEW.exec(id)?.[1]];
      const fileName = chapter ? `chapters/${chapter}.html` : place && `views/${place}.html`;
      if (fileName) this.emitFile({ type: 'asset', fileName, source: head([...all, ...wanted(chunk)]) });
    }
    page.source = head([...all, ...wanted(view)]);
  },
};

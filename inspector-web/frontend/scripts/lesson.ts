import { gzipSync } from 'node:zlib';
import type { OutputAsset, OutputChunk } from 'rollup';
import type { Plugin, UserConfig } from 'vite';

/** Where both builds go: the server takes them from there into every lesson it writes. */
const OUT = 'dist/lesson';
const NONE = '\0none';

/** Leaves out what a lesson does not show: these modules have nothing in them. */
const without = (gone: (id: string) => boolean): Plugin => ({
  name: 'without',
  enforce: 'pre',
  resolveId: (id) => (gone(id) ? NONE : null),
  load: (id) => (id === NONE ? 'export default ""' : null),
});
const recordings = (id: string) => /\/recording\/[^/]+\?url$/.test(id);
/** Fonts that hardly a lesson needs: then the machine's own stand in. */
const rareFonts =
  /@font-face\s*\{[^}]*(?:-(?:latin-ext|cyrillic|cyrillic-ext|greek|greek-ext|vietnamese)-wght|KaTeX_(?:Fraktur|SansSerif|Script|Typewriter|Caligraphic|AMS|Main-BoldItalic|Math-BoldItalic))[^}]*\}/g;

/** Styles before their fonts' files are put into them. */
const fewFonts: Plugin = {
  name: 'few-fonts',
  enforce: 'pre',
  transform: (code, id) => (/\.css$/.test(id) ? code.replace(rareFonts, '') : null),
};

/** One page whose styles and fonts are in it: a page opened from a folder may fetch nothing. */
const onePage: Plugin = {
  name: 'one-page',
  enforce: 'post',
  generateBundle(_, bundle) {
    const code = Object.values(bundle).find((f): f is OutputChunk => f.type === 'chunk');
    if (!code) throw new Error('no script in what was built');
    // Packed: a folder is sent as it is, and nobody packs it on the way.
    const packed = gzipSync(code.code, { level: 9 }).toString('base64');
    code.code = `(async (packed) => {
  const bytes = Uint8Array.from(atob(packed), (c) => c.charCodeAt(0));
  const script = document.createElement('script');
  const plain = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('gzip'));
  script.textContent = await new Response(plain).text();
  document.body.append(script);
})('${packed}');
`;
    const style = Object.values(bundle).find((f): f is OutputAsset => f.fileName.endsWith('.css'));
    if (!style) throw new Error('no styles in what was built');
    delete bundle[style.fileName];
    this.emitFile({
      type: 'asset',
      fileName: 'index.html',
      source: `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8" />
    <meta name="viewport" content="width=device-width, initial-scale=1" />
    <meta name="color-scheme" content="light dark" />
    <link rel="icon" href="data:," />
    <title>LLM Inspector</title>
    <style>${String(style.source).replaceAll('</style', '<\\/style')}</style>
  </head>
  <body>
    <div id="app"></div>
    <noscript>This page draws its figures with JavaScript.</noscript>
    <script src="lesson.js"></script>
    <script src="app.js"></script>
  </body>
</html>
`,
    });
  },
};

const script = (entry: string, file: string): UserConfig['build'] => ({
  target: 'es2022',
  outDir: OUT,
  emptyOutDir: false,
  sourcemap: false,
  modulePreload: false,
  assetsInlineLimit: () => true,
  cssCodeSplit: false,
  rollupOptions: {
    input: entry,
    output: { format: 'iife', inlineDynamicImports: true, entryFileNames: file, assetFileNames: '[name][extname]' },
  },
});

/** The page as a lesson's: one script that is no module, `vite build --mode lesson`. */
export const lessonPage = (plugins: UserConfig['plugins']): UserConfig => ({
  plugins: [without(recordings), fewFonts, plugins, onePage],
  publicDir: false,
  build: script('src/main.ts', 'app.js'),
});

/** What the server runs to record a run: the chapters' asks and nothing that is drawn, `vite build --mode recorder`. */
export const lessonRecorder: UserConfig = {
  plugins: [without((id) => recordings(id) || id.endsWith('.svelte'))],
  publicDir: false,
  build: { ...script('scripts/lesson-recorder.ts', 'recorder.js'), minify: false },
};

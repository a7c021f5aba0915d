import { svelte } from '@sveltejs/vite-plugin-svelte';
import type { Plugin } from 'vite';
import { defineConfig, type ViteUserConfig as UserConfig } from 'vitest/config';
import { figures, preloads } from './scripts/first-view';
import { lessonPage, lessonRecorder } from './scripts/lesson';

/**
 * `npm run dev` and `npm run preview` talk to a server on 7070, or to the one that INSPECTOR_URL names. The page's own
 * Host goes with every request: the server refuses a POST whose Origin is another.
 */
const server = { target: process.env.INSPECTOR_URL ?? 'http://127.0.0.1:7070', changeOrigin: false };
const proxy = { '/api': server, '/docs': server, '/openapi.yaml': server };

/** Of KaTeX's fonts only the format that every browser of today reads. */
const woff2: Plugin = {
  name: 'woff2-only',
  enforce: 'pre',
  transform: (code, id) =>
    /katex.*\.css/.test(id) ? code.replace(/,url\([^)]*\.(woff|ttf)\) format\("[^"]*"\)/g, '') : null,
};

const page: UserConfig = {
  plugins: [woff2, svelte(), preloads],
  build: {
    target: 'es2022',
    sourcemap: false,
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    rollupOptions: { output: { manualChunks: figures } },
  },
  // The gallery shows a loss curve of the repository's models.
  server: { fs: { allow: ['../..'] }, port: 5173, proxy },
  preview: { port: 5174, proxy },
  test: {
    projects: [
      { extends: true, test: { name: 'page', include: ['tests/**/!(*.svelte).test.ts'], environment: 'node' } },
      {
        extends: true,
        test: { name: 'signals', include: ['tests/**/*.svelte.test.ts'], environment: './tests/browser.ts' },
      },
    ],
  },
};

export default defineConfig(({ mode }) =>
  mode === 'lesson' ? lessonPage([woff2, svelte()]) : mode === 'recorder' ? lessonRecorder : page,
);

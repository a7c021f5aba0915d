import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'vitest/config';

/** `npm run dev` talks to a server on 7070, or to the one that INSPECTOR_URL names. */
const server = process.env.INSPECTOR_URL ?? 'http://127.0.0.1:7070';

export default defineConfig({
  plugins: [svelte()],
  build: { target: 'es2022', sourcemap: false, assetsInlineLimit: 0, modulePreload: { polyfill: false } },
  server: { port: 5173, proxy: { '/api': server, '/docs': server, '/openapi.yaml': server } },
  test: { include: ['tests/**/*.test.ts'], environment: 'node' },
});

import type { Environment } from 'vitest/runtime';

/** Environment of tests of signals: modules are compiled as for the browser, where effects run; it has no document. */
export default {
  name: 'browser',
  viteEnvironment: 'client',
  setup: () => ({ teardown: () => undefined }),
} satisfies Environment;

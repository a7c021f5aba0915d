import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { defineConfig } from '@playwright/test';

/**
 * The page in Chromium against a live server: the one that BASE_URL or INSPECTOR_URL names, or one that is started here
 * with the model folder of E2E_MODEL. The tests hold for a model with a tokenizer and for one without.
 */
const given = process.env.BASE_URL ?? process.env.INSPECTOR_URL;
const port = process.env.E2E_PORT ?? '7391';
const model = process.env.E2E_MODEL ?? '../../inspector-core/src/test/resources/golden/hf/llama';

export default defineConfig({
  testDir: 'e2e',
  timeout: 120_000,
  expect: { timeout: 30_000 },
  // A machine that does other work can starve a browser; what passes at the second try is counted apart.
  retries: 1,
  workers: 1,
  fullyParallel: false,
  forbidOnly: Boolean(process.env.CI),
  reporter: 'list',
  use: {
    baseURL: given ?? `http://127.0.0.1:${port}`,
    viewport: { width: 1400, height: 1000 },
    trace: 'retain-on-failure',
    launchOptions: {
      executablePath: process.env.CHROMIUM || '/usr/bin/chromium',
      args: [
        '--no-sandbox',
        '--disable-gpu',
        '--disable-quic',
        '--no-first-run',
        '--disable-background-networking',
        '--disable-component-update',
        '--disable-sync',
      ],
    },
  },
  webServer: given
    ? undefined
    : {
        command: `../../scripts/inspector serve --model ${model} --port ${port} --runs ${join(mkdtempSync(join(tmpdir(), 'inspector-e2e-')), 'runs')}`,
        url: `http://127.0.0.1:${port}/api/v1/health`,
        timeout: 180_000,
        stdout: 'ignore',
      },
});

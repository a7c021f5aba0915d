import { cpSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { defineConfig } from '@playwright/test';
import type { Servers } from './e2e/support';

/**
 * The page in Chromium against live servers: those that BASE_URL or INSPECTOR_URL names, with commas between, one for each
 * worker, or one that is started here with the model folder of E2E_MODEL. A server hears of one worker only, so tests may
 * count what it has and keep it busy. They hold for a model with a tokenizer and for one without.
 */
const given = (process.env.BASE_URL ?? process.env.INSPECTOR_URL)?.split(',');
const port = process.env.E2E_PORT ?? '7391';
const golden = '../../inspector-core/src/test/resources/golden';
const model = process.env.E2E_MODEL ?? `${golden}/hf/llama`;

/** Where a server of our own keeps runs; beside them are the corpora of the tests. */
function runs(): string {
  const home = mkdtempSync(join(tmpdir(), 'inspector-e2e-'));
  cpSync(`${golden}/loglikelihood/tasks.jsonl`, join(home, 'corpora', 'tasks.jsonl'));
  return join(home, 'runs');
}

export default defineConfig<Servers>({
  testDir: 'e2e',
  timeout: 120_000,
  expect: { timeout: 30_000 },
  // A machine that does other work can starve a browser; what passes at the second try is counted apart.
  retries: 1,
  workers: given?.length ?? 1,
  fullyParallel: false,
  forbidOnly: Boolean(process.env.CI),
  reporter: 'list',
  use: {
    servers: given ?? [`http://127.0.0.1:${port}`],
    viewport: { width: 1400, height: 1000 },
    // A trace of each first try takes a fifth of the time.
    trace: 'on-first-retry',
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
        command: `../../scripts/inspector serve --model ${model} --port ${port} --runs ${runs()}`,
        url: `http://127.0.0.1:${port}/api/v1/health`,
        timeout: 180_000,
        stdout: 'ignore',
      },
});

import { globSync, readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';
import { PATIENCE_MS } from './test/support/patience.ts';

/**
 * Suites that start processes, kill them, fill disks, drive browsers, sweep thousands of requests or send files by the hundred:
 * `npm run test:system`. `npm test` runs all others.
 */
const SYSTEM = ['test/{browser,container,deploy,examples,interop,onnx,system,torture}/**/*.test.ts'];
/** Suites that draw cases (test/support/runs.ts). `npm test` tries some of them, `npm run test:drawn` all. */
const DRAWN = globSync('test/**/*.test.ts').filter((file) =>
  /\/(runs|options|(store|usage)-contract)\.ts'/.test(readFileSync(file, 'utf8')),
);
const system = process.env.CELLSTEP_TEST_SYSTEM === '1';
const drawn = process.env.CELLSTEP_TEST_DRAWN === '1';
/** Files named on the command line run, whichever kind they are. */
const named = process.argv.some((word) => word.startsWith('test/'));

export default defineConfig({
  test: {
    include: named ? ['test/**/*.test.ts'] : system ? SYSTEM : drawn ? DRAWN : ['test/**/*.test.ts'],
    exclude: system || named ? [] : SYSTEM,
    // Suites that start processes and browsers need the other cores for them.
    maxWorkers: system ? 1 : availableParallelism(),
    // No module has state of its own, so the files of a worker share their modules. That halves the time.
    isolate: system,
    setupFiles: ['test/support/seed.ts'],
    // Other work on the machine must not fail a test. One that hangs fails by its own patience, or after this time.
    testTimeout: 5 * PATIENCE_MS,
    hookTimeout: 5 * PATIENCE_MS,
    expect: { poll: { timeout: PATIENCE_MS } },
  },
});

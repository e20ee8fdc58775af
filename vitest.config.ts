import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';

/**
 * Suites that start processes, kill them, fill disks, drive browsers, sweep thousands of requests or send files by the hundred:
 * `npm run test:system`. All others are `npm test`.
 */
const SYSTEM = ['test/{browser,container,deploy,examples,interop,onnx,system,torture}/**/*.test.ts'];
const system = process.env.CELLSTEP_TEST_SYSTEM === '1';
/** Files named on the command line run, whichever kind they are. */
const named = process.argv.some((word) => word.startsWith('test/'));

export default defineConfig({
  test: {
    include: system && !named ? SYSTEM : ['test/**/*.test.ts'],
    exclude: system || named ? [] : SYSTEM,
    // Suites that start processes and browsers need the other cores for them.
    maxWorkers: system ? 1 : availableParallelism(),
    // No module has state of its own, so the files of a worker share their modules. That halves the time.
    isolate: system,
    // Other work on the machine must not fail a test.
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});

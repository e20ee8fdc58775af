import { globSync, readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';
import type { InlineConfig } from 'vitest/node';
import { PATIENCE_MS } from './test/support/patience.ts';

/**
 * Suites that start processes, kill them, fill disks, drive browsers, sweep thousands of requests or send files by the hundred:
 * `npm run test:system`. `npm test` runs all others.
 */
const SYSTEM = ['test/{browser,container,deploy,examples,interop,onnx,system,torture}/**/*.test.ts'];
/** Those of them that bound short times, or measure memory. The others mostly wait, for processes and browsers, and run side by side. */
const ALONE = [
  'test/onnx/hostile.test.ts',
  'test/system/{hostile-clients,shutdown,stream-memory}.test.ts',
  'test/system/routes/weight-files-hostile.test.ts',
  'test/system/store/redis-{cluster,faults,open}.test.ts',
  'test/torture/absent-clients.test.ts',
];
/** Those that take longest. They begin first, so that no worker is left without a file while another has a long one. */
const LONG = [
  'test/{browser/axe,container/*,interop/fuzz,onnx/{ended-graphs,joined-graphs,models},torture/{failover,kill-streams}}.test.ts',
  'test/system/{killed-checkpoints,package}.test.ts',
];
/** Suites that draw cases (test/support/runs.ts). `npm test` tries some of them, `npm run test:drawn` all. */
const DRAWN = globSync('test/**/*.test.ts').filter((file) =>
  /\/(runs|options|(store|usage)-contract)\.ts'/.test(readFileSync(file, 'utf8')),
);
const system = process.env.CELLSTEP_TEST_SYSTEM === '1';
const drawn = process.env.CELLSTEP_TEST_DRAWN === '1';
/** Files named on the command line run, whichever kind they are. */
const named = process.argv.some((word) => word.startsWith('test/'));
const ALL = ['test/**/*.test.ts'];

/** A part of the suites of `npm run test:system`. A group begins when the one before it has ended. */
function lane(name: string, groupOrder: number, maxWorkers: number, files: Pick<InlineConfig, 'include' | 'exclude'>) {
  return { extends: true as const, test: { name, maxWorkers, sequence: { groupOrder }, ...files } };
}

export default defineConfig({
  test: {
    ...(system
      ? {
          projects: [
            // Of one group, the project begins first whose name does.
            lane('long', 1, availableParallelism(), { include: LONG }),
            lane('others', 1, availableParallelism(), {
              include: named ? ALL : SYSTEM,
              exclude: [...LONG, ...ALONE],
            }),
            lane('alone', 2, 1, { include: ALONE }),
          ],
        }
      : {
          include: drawn && !named ? DRAWN : ALL,
          exclude: named ? [] : SYSTEM,
          maxWorkers: availableParallelism(),
        }),
    // No module has state of its own, so the files of a worker share their modules. That halves the time.
    isolate: system,
    setupFiles: ['test/support/seed.ts'],
    // Other work on the machine must not fail a test. One that hangs fails by its own patience, or after this time.
    testTimeout: 10 * PATIENCE_MS,
    hookTimeout: 10 * PATIENCE_MS,
    expect: { poll: { timeout: PATIENCE_MS } },
  },
});

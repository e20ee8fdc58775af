import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FUZZ, fuzz } from './fuzz/fuzz.ts';

/** The same cases each time, so that a run of CI says something of the code alone; `npm run torture -- fuzz` draws others. */
const SEED = 1;
/** Of most kinds, and of those that take seconds each on a busy machine. */
const CASES: Readonly<Record<string, number>> = { keras: 24, files: 24, gradients: 12 };
const USUAL_CASES = 80;

const missing = ['CELLSTEP_INTEROP_PYTHON', 'CELLSTEP_TENSORFLOW_PYTHON'].filter((name) => !process.env[name]);
if (missing.length > 0) {
  if (process.env.CELLSTEP_CI === '1') throw new Error(`Nothing to compare with: ${missing.join(', ')} not set.`);
  console.log(`Skipped: drawn cases compared with the real libraries; ${missing.join(', ')} not set.`);
}

describe.skipIf(missing.length > 0)('drawn cases agree with the real library', () => {
  let directory: string;
  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), 'cellstep-fuzz-'));
  });
  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  it.each(Object.keys(FUZZ))('%s', async (name) => {
    const cases = CASES[name] ?? USUAL_CASES;
    const report = await fuzz(name, { seed: SEED, cases, directory });
    console.log(report.text);
    expect(report.failed, report.text).toBe(false);
    expect(report.cases).toBe(cases);
  });
});

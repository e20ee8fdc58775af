import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FUZZ, fuzz } from '../interop/fuzz/fuzz.ts';
import type { RunOptions } from './run-options.ts';

/** Drawn cases of all kinds against the real libraries. */
export async function fuzzAll({ seed, size, progress }: RunOptions): Promise<object> {
  const directory = mkdtempSync(join(tmpdir(), 'cellstep-fuzz-'));
  const done: Record<string, number> = {};
  try {
    for (const name of Object.keys(FUZZ)) {
      const report = await fuzz(name, { seed, cases: size, directory });
      progress?.(report.text);
      if (report.failed) throw new Error(report.text);
      done[name] = report.cases;
    }
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
  return done;
}

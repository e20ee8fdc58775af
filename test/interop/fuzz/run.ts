/**
 * `npm run fuzz -- keras|pytorch|onnx|files|initializers|gradients… [--seed N] [--cases N] [--seconds N]`: drawn cases over
 * HTTP, each compared with what the real library computes. A mismatch prints its seed, the smallest case that still fails,
 * and how to repeat that case alone; the exit code is then 1.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { FUZZ, fuzz } from './fuzz.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    seed: { type: 'string' },
    cases: { type: 'string', default: '1000' },
    seconds: { type: 'string' },
    path: { type: 'string' },
  },
});
const unknown = positionals.filter((name) => !Object.hasOwn(FUZZ, name));
const names = Object.keys(FUZZ).join(', ');
if (unknown.length > 0 || positionals.length === 0) {
  console.error(
    `${unknown.length > 0 ? `There is no ${unknown.join(', ')}.` : 'Name what to compare.'} There are: ${names}.`,
  );
  process.exit(2);
}
const directory = mkdtempSync(join(tmpdir(), 'cellstep-fuzz-'));
let failed = false;
for (const name of positionals) {
  const seed = values.seed === undefined ? Math.floor(Math.random() * 2 ** 31) : Number(values.seed);
  const seconds = values.seconds === undefined ? undefined : Number(values.seconds);
  const report = await fuzz(name, { seed, cases: Number(values.cases), seconds, path: values.path, directory });
  console.log(report.text);
  failed ||= report.failed;
}
rmSync(directory, { recursive: true, force: true });
process.exit(failed ? 1 : 0);

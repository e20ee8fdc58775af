/**
 * `node scripts/ci-count.ts <report.json>` reads a report of vitest's JSON reporter and prints one line,
 * `<passed> <failed> <file with a skipped test>…`. Tests of the files that it names are not in the numbers: they are to
 * be run again where nothing is skipped. What failed is told on standard error, with the beginning of its message.
 */
import { readFileSync } from 'node:fs';
import { relative } from 'node:path';
import { z } from 'zod';

const report = z.object({
  success: z.boolean(),
  testResults: z.array(
    z.object({
      name: z.string(),
      status: z.string(),
      message: z.string().default(''),
      assertionResults: z.array(
        z.object({ status: z.string(), fullName: z.string(), failureMessages: z.array(z.string()).default([]) }),
      ),
    }),
  ),
});

/** Lines of a message that are shown. */
const SHOWN = 20;

const { success, testResults } = report.parse(JSON.parse(readFileSync(process.argv[2], 'utf8')));
const skipped: string[] = [];
let passed = 0;
let failed = 0;
for (const { name, status, message, assertionResults } of testResults) {
  const count = (wanted: string) => assertionResults.filter((result) => result.status === wanted).length;
  const others = assertionResults.length - count('passed') - count('failed');
  failed += count('failed');
  if (others > 0) skipped.push(relative('.', name));
  else passed += count('passed');
  // A file that does not load, or whose hooks fail, has no failed test of its own.
  if (status === 'failed' && count('failed') === 0) {
    failed += 1;
    tell(relative('.', name), message);
  }
  for (const result of assertionResults) {
    if (result.status === 'failed')
      tell(`${relative('.', name)} > ${result.fullName}`, result.failureMessages.join('\n'));
  }
}
// An error outside every test.
if (!success && failed === 0) failed = 1;
process.stdout.write(`${[passed, failed, ...skipped].join(' ')}\n`);

function tell(what: string, message: string): void {
  const lines = message.split('\n').slice(0, SHOWN);
  process.stderr.write(`\n${[what, ...lines.map((line) => `    ${line}`)].join('\n')}\n`);
}

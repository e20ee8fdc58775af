/**
 * `node scripts/check-compatibility.ts` fails where openapi.yaml breaks clients of the last release, whose document is
 * docs/released/openapi.yaml; docs/compatibility.md says what breaks them, and how a break is accepted. With --release it
 * makes openapi.yaml the document of the last release.
 */
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { breakingChanges } from './compatibility/documents.ts';

const root = join(import.meta.dirname, '..');
const [current, released, accepted] = ['openapi.yaml', 'docs/released/openapi.yaml', 'docs/released/accepted.json'].map(
  (path) => join(root, path),
);

if (process.argv.includes('--release')) {
  copyFileSync(current, released);
  writeFileSync(accepted, '{}\n');
} else {
  const [before, after] = [released, current].map((file) => parse(readFileSync(file, 'utf8')));
  const reasons: Record<string, string> = JSON.parse(readFileSync(accepted, 'utf8'));
  const found = breakingChanges(before, after);
  const news = found.filter((change) => !reasons[change]);
  const stale = Object.keys(reasons).filter((change) => !found.includes(change));
  for (const change of news) process.stderr.write(`breaks clients: ${change}\n`);
  for (const change of stale)
    process.stderr.write(`docs/released/accepted.json lists a change that breaks nothing: ${change}\n`);
  if (news.length + stale.length > 0) {
    process.stderr.write('docs/compatibility.md says what to do.\n');
    process.exitCode = 1;
  }
}

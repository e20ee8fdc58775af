import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { ulpDocument, ulpTables } from './ulp-document.ts';

/**
 * `node scripts/ulp-table.ts [--check]` measures cellstep's single steps against float64, prints the tables beside the tables of
 * Keras, PyTorch and ONNX Runtime, and writes docs/accuracy.md; with --check it only tells, by its exit code, whether
 * that file is what it would write.
 */
const file = fileURLToPath(new URL('../docs/accuracy.md', import.meta.url));
const tables = await ulpTables();
const text = ulpDocument(tables);
for (const table of tables) process.stdout.write(`${table.title}\n\n${table.text}\n\n`);

if (!process.argv.includes('--check')) {
  writeFileSync(file, text);
} else if (!existsSync(file) || readFileSync(file, 'utf8') !== text) {
  process.stderr.write(`${file} is not what was measured. Run \`npm run ulp\` and commit the result.\n`);
  process.exitCode = 1;
}

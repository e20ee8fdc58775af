import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { createApp } from '../src/app.ts';
import { readConfig } from '../src/config.ts';
import { openMemoryStore } from '../src/store/memory.ts';

/**
 * `node scripts/write-openapi.ts [--check] [file]` writes openapi.yaml from the routes; with --check it only tells, by its
 * exit code, whether the file is what it would write.
 */
const standard = fileURLToPath(new URL('../openapi.yaml', import.meta.url));
const [file = standard] = process.argv.slice(2).filter((argument) => argument !== '--check');
const app = await createApp({ store: openMemoryStore(), config: readConfig({}) });
const text = await app.openApiYaml();
await app.close();

if (!process.argv.includes('--check')) {
  writeFileSync(file, text);
} else if (!existsSync(file) || readFileSync(file, 'utf8') !== text) {
  process.stderr.write(`${file} is not what the routes say. Run \`npm run openapi\` and commit the result.\n`);
  process.exitCode = 1;
}

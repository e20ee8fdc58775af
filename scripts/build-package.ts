/**
 * Builds what `npm pack` publishes into dist/: JavaScript, since Node strips no types under node_modules, with the kernels
 * and the page beside it.
 */
import { execFileSync } from 'node:child_process';
import { cpSync, globSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const DIST = 'dist';
/** Files that are found by a URL and not by an import, such as scripts of workers. */
const SCRIPT_URL = /(new URL\(\s*(['"])[^'"]+)\.ts\2/g;

process.chdir(join(import.meta.dirname, '..'));
rmSync(DIST, { recursive: true, force: true });
execFileSync(process.execPath, ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.build.json'], { stdio: 'inherit' });
for (const file of globSync(`${DIST}/**/*.js`)) {
  const text = readFileSync(file, 'utf8');
  const built = text.replaceAll(SCRIPT_URL, '$1.js$2');
  if (built !== text) writeFileSync(file, built);
}
for (const file of globSync('src/**/*.{wasm,proto}')) cpSync(file, join(DIST, file));
cpSync('web/dist', join(DIST, 'web/dist'), { recursive: true });
cpSync('asyncapi.yaml', join(DIST, 'asyncapi.yaml'));

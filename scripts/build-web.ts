import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'vite';

/**
 * `node scripts/build-web.ts [--check]` builds the page into web/dist, which is committed; with --check it only tells, by
 * its exit code, whether that is what the sources give, byte for byte.
 */
const WEB = fileURLToPath(new URL('../web/', import.meta.url));
const DIST = join(WEB, 'dist');

async function buildInto(outDir: string): Promise<void> {
  await build({
    root: WEB,
    configFile: join(WEB, 'vite.config.ts'),
    logLevel: 'warn',
    build: { outDir, emptyOutDir: true },
  });
}

function filesIn(directory: string): Map<string, Buffer> {
  const names = readdirSync(directory, { recursive: true, encoding: 'utf8' }).toSorted();
  const files = names.filter((name) => statSync(join(directory, name)).isFile());
  return new Map(files.map((name) => [name, readFileSync(join(directory, name))]));
}

if (process.argv.includes('--check')) {
  const directory = mkdtempSync(join(tmpdir(), 'cellstep-web-'));
  await buildInto(directory);
  const [built, committed] = [filesIn(directory), filesIn(DIST)];
  rmSync(directory, { recursive: true });
  const names = new Set([...built.keys(), ...committed.keys()]);
  const wrong = [...names].filter((name) => !built.get(name)?.equals(committed.get(name) ?? Buffer.alloc(0)));
  if (wrong.length > 0) {
    process.stderr.write(
      `web/dist is not what its sources give (${wrong.join(', ')}). Run \`npm run web\` and commit the result.\n`,
    );
    process.exitCode = 1;
  }
} else {
  await buildInto(DIST);
  for (const [name, bytes] of filesIn(DIST)) process.stdout.write(`web/dist/${name}: ${bytes.length} bytes\n`);
}

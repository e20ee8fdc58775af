import { execFile } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { service, temporaryDirectory } from './support.ts';

const run = promisify(execFile);
const ROOT = join(import.meta.dirname, '../..');

test('the client that npm packs runs its tutorial from an empty folder, and its types fit', async () => {
  const directory = temporaryDirectory();
  const packed = await run('npm', ['pack', '--pack-destination', directory, '--json'], {
    cwd: join(ROOT, 'clients/typescript'),
  });
  // What the build prints comes before it.
  const [{ filename, files }] = JSON.parse(packed.stdout.slice(packed.stdout.indexOf('[\n')));
  const paths: string[] = files.map(({ path }: { path: string }) => path);
  expect(paths).toEqual(expect.arrayContaining(['dist/index.js', 'dist/index.d.ts', 'README.md', 'package.json']));
  expect(paths.filter((path) => /^(src|examples)/.test(path))).toEqual([]);

  const home = join(directory, 'empty');
  mkdirSync(home);
  await run('npm', ['init', '--yes', '--init-type', 'module'], { cwd: home });
  await run('npm', ['install', '--no-audit', '--no-fund', '--ignore-scripts', join(directory, filename)], {
    cwd: home,
  });
  expect(Object.keys(JSON.parse(readFileSync(join(home, 'package-lock.json'), 'utf8')).packages)).toEqual([
    '',
    'node_modules/@cellstep/client',
  ]);

  const tutorial = readFileSync(join(ROOT, 'clients/typescript/examples/tutorial.ts'), 'utf8');
  const program = tutorial.replace('../src/index.ts', '@cellstep/client');
  expect(program).not.toBe(tutorial);
  writeFileSync(join(home, 'tutorial.ts'), `declare const process: { env: Record<string, string> };\n${program}`);
  const { url } = await service();
  const env = { ...process.env, CELLSTEP: url };
  const { stdout } = await run(process.execPath, ['tutorial.ts'], { cwd: home, env });
  expect(stdout).toContain('2·1 + 1·1 + 3 = 6\n3·1 + 6·3 + 1 = 22\n');
  const options = ['--noEmit', '--strict', '--module', 'nodenext', '--target', 'es2022'];
  await run(process.execPath, [join(ROOT, 'node_modules/typescript/bin/tsc'), ...options, 'tutorial.ts'], {
    cwd: home,
  });
});

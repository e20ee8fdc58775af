import { execFile } from 'node:child_process';
import { cpSync, globSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join, relative } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { cleanEnvironment } from '../../scripts/tutorial-service.ts';

const run = promisify(execFile);
const ROOT = join(import.meta.dirname, '..', '..');
const LEFT_OUT = /^(\.git|data|node_modules|bench|test|clients)$/;
const MEGABYTE = 1_000_000;

/** What a machine that has the Node of the project gets of `npm ci --omit=dev`. */
describe('an install without the tools of development', () => {
  const copy = mkdtempSync(join(tmpdir(), 'cellstep-production-'));
  const PATH = [dirname(process.execPath), process.env.PATH].join(delimiter);
  const env = { ...cleanEnvironment(), PATH };

  beforeAll(async () => {
    cpSync(ROOT, copy, { recursive: true, filter: (path) => !LEFT_OUT.test(relative(ROOT, path)) });
    await run('npm', ['ci', '--omit=dev', '--no-audit', '--no-fund'], { cwd: copy, env });
  });
  afterAll(() => rmSync(copy, { recursive: true, force: true }));

  it('takes less than 60 MB', () => {
    const files = globSync('node_modules/**/*', { cwd: copy });
    const bytes = files.reduce((sum, file) => sum + statSync(join(copy, file)).size, 0);
    expect(bytes / MEGABYTE).toBeLessThan(60);
    expect(files.filter((file) => /\.(map|d\.ts)$/.test(file))).toEqual([]);
  });

  it('loads every dependency', async () => {
    const { dependencies } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
    const names = JSON.stringify(Object.keys(dependencies));
    const program = `await Promise.all(${names}.map((name) => import(name))); console.log('all')`;
    const { stdout } = await run(process.execPath, ['--input-type=module', '-e', program], { cwd: copy, env });
    expect(stdout).toBe('all\n');
  });

  it('serves /docs, and reads and writes HDF5', async () => {
    const program = `
      import { startService } from './scripts/tutorial-service.ts';
      const { url, stop } = await startService({ CELLSTEP_STORE: 'memory:' });
      const page = await (await fetch(url + '/docs')).text();
      const files = [...page.matchAll(/(?:src|href)="(\\/docs[^"]+)"/g)].map(([, path]) => path);
      const statuses = await Promise.all(files.map(async (path) => (await fetch(url + path)).status));
      const cell = { class_name: 'LSTM', config: { units: 1 }, input_shape: [null, null, 1] };
      const headers = { 'content-type': 'application/json' };
      await fetch(url + '/v1/cells', { method: 'POST', headers, body: JSON.stringify({ id: 'c', ...cell }) });
      const file = await fetch(url + '/v1/cells/c/weights', { headers: { accept: 'application/x-hdf5' } });
      const hdf5 = { 'content-type': 'application/x-hdf5' };
      const put = await fetch(url + '/v1/cells/c/weights', { method: 'PUT', headers: hdf5, body: await file.arrayBuffer() });
      await stop();
      console.log(JSON.stringify({ files: statuses.length, statuses: [...new Set(statuses)], read: put.status }));`;
    const { stdout } = await run(process.execPath, ['--input-type=module', '-e', program], { cwd: copy, env });
    expect(JSON.parse(stdout)).toMatchObject({ statuses: [200], read: 200 });
    expect(JSON.parse(stdout).files).toBeGreaterThan(2);
  });
});

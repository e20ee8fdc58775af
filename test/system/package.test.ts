import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, onTestFinished, test } from 'vitest';
import { Cellstep } from '../../clients/typescript/src/index.ts';
import { until } from '../support/until.ts';
import { temporaryDirectory } from './support.ts';

const run = promisify(execFile);

test('the package that npm packs serves from an empty folder, with its page, threads and files', async () => {
  const directory = temporaryDirectory();
  const packed = await run('npm', ['pack', '--pack-destination', directory, '--silent']);
  const archive = join(directory, packed.stdout.trim().split('\n').at(-1) ?? '');
  const home = join(directory, 'empty');
  mkdirSync(home);
  await run('npm', ['init', '--yes'], { cwd: home });
  await run('npm', ['install', '--no-audit', '--no-fund', '--ignore-scripts', archive], { cwd: home });
  // Node strips no types under node_modules: what runs here was built.
  const program = join(home, 'node_modules/cellstep/bin/cellstep.cjs');
  expect((await run(process.execPath, [program, '--version'], { cwd: home })).stdout).toMatch(/^\d+\.\d+\.\d+\n$/);

  const ports = { CELLSTEP_PORT: '0', CELLSTEP_GRPC_PORT: '0' };
  const env = { PATH: process.env.PATH, ...ports, CELLSTEP_THREADS: '1', CELLSTEP_STORE: 'lmdb:./data' };
  const service = spawn(process.execPath, [program, 'serve'], { cwd: home, env, stdio: ['ignore', 'pipe', 'inherit'] });
  onTestFinished(() => void service.kill('SIGKILL'));
  let printed = '';
  service.stdout.setEncoding('utf8').on('data', (text: string) => {
    printed += text;
  });
  const listening = () => /Server listening at (http:[^"]+)"/.exec(printed);
  await until(() => listening() !== null);
  expect(printed).toContain('gRPC listening at');
  const url = listening()?.[1] ?? '';
  expect(await (await fetch(url)).text()).toContain('<!doctype html>');
  const client = new Cellstep({ url });
  const cell = await client.cells.create({ class_name: 'LSTMCell', config: { units: 512 }, input_shape: [null, 512] });
  const { output } = await cell.step(Array.from({ length: 64 }, () => Array(512).fill(0.5)));
  expect(output.shape).toEqual([64, 512]);
  expect((await cell.weightFile('application/x-keras')).length).toBeGreaterThan(4 * 512 * 2048);
  service.kill('SIGTERM');
  expect(await once(service, 'exit')).toEqual([0, null]);
});

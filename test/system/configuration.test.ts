import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { spawnService } from '../../scripts/tutorial-service.ts';
import { until } from '../support/until.ts';
import { openCounter, readCounter, send, service, temporaryDirectory } from './support.ts';

/** Starts with these settings and gives what the process said when it ended. */
async function refused(settings: Readonly<Record<string, string>>) {
  const started = spawnService({ CELLSTEP_PORT: '0', CELLSTEP_STORE: 'memory:', ...settings });
  onTestFinished(() => void started.child.kill('SIGKILL'));
  const { code } = await started.exited;
  return { code, stdout: started.stdout(), stderr: started.stderr() };
}

describe('a wrong environment', () => {
  test.each([
    ['CELLSTEP_HOST', 'example.com'],
    ['CELLSTEP_HOST', ''],
    ['CELLSTEP_PORT', '65536'],
    ['CELLSTEP_PORT', '80a'],
    ['CELLSTEP_PORT', ''],
    ['CELLSTEP_PORT', '-1'],
    ['CELLSTEP_STORE', 'postgres://somewhere'],
    ['CELLSTEP_STORE', 'lmdb:'],
    ['CELLSTEP_LOG_LEVEL', 'loud'],
    ['CELLSTEP_AUTH', 'basic'],
    ['CELLSTEP_MAX_BODY_BYTES', '1023'],
    ['CELLSTEP_MAX_BODY_BYTES', '16MB'],
    ['CELLSTEP_MAX_CHECKPOINT_BYTES', '1e9'],
    ['CELLSTEP_MAX_UNITS', '0'],
    ['CELLSTEP_MAX_ELEMENTS', '-5'],
    ['CELLSTEP_MAX_WORK', '1.5'],
    ['CELLSTEP_REQUEST_SECONDS', '0'],
    ['CELLSTEP_SHUTDOWN_SECONDS', '3601'],
  ])('ends with exit code 2 and one line that names %s and %j', async (name, value) => {
    const { code, stdout, stderr } = await refused({ [name]: value });
    expect(code).toBe(2);
    expect(stdout).toBe('');
    expect(stderr).toMatch(/^cellstep: [^\n]+\n$/);
    expect(stderr).toContain(`${name} '${value}'`);
  });

  test('does not print keys that are wrong', async () => {
    const { code, stdout, stderr } = await refused({ CELLSTEP_API_KEYS: 'secret-but-good-enough,short-key' });
    expect(code).toBe(2);
    expect(stdout).toBe('');
    expect(stderr).toMatch(/^cellstep: CELLSTEP_API_KEYS [^\n]+\n$/);
    expect(stderr).not.toMatch(/secret|short-key/);
  });

  test('is refused where others could reach a service without keys', async () => {
    for (const host of ['0.0.0.0', '::', '192.0.2.1']) {
      const { code, stdout, stderr } = await refused({ CELLSTEP_HOST: host });
      expect(code).toBe(2);
      expect(stdout).toBe('');
      expect(stderr).toMatch(/^cellstep: CELLSTEP_HOST '[^\n]+CELLSTEP_API_KEYS[^\n]+CELLSTEP_AUTH=none[^\n]+\n$/);
    }
  });

  test('is refused where it says both none and keys', async () => {
    const { code, stderr } = await refused({ CELLSTEP_AUTH: 'none', CELLSTEP_API_KEYS: 'a-key-that-is-long' });
    expect(code).toBe(2);
    expect(stderr).toMatch(/^cellstep: CELLSTEP_AUTH none [^\n]+\n$/);
    expect(stderr).not.toContain('a-key-that-is-long');
  });
});

describe('a place that cannot be had', () => {
  test('is told where another process has the port', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    const { port } = server.address() as { port: number };
    const { code, stdout, stderr } = await refused({ CELLSTEP_PORT: `${port}` });
    server.close();
    expect(code).toBe(2);
    expect(stdout).toBe('');
    expect(stderr).toBe(`cellstep: CELLSTEP_PORT ${port} on 127.0.0.1 is in use by another process.\n`);
  });

  test('is told where the address is not of this machine', async () => {
    const { code, stderr } = await refused({ CELLSTEP_HOST: '192.0.2.1', CELLSTEP_AUTH: 'none' });
    expect(code).toBe(2);
    expect(stderr).toBe('cellstep: CELLSTEP_HOST 192.0.2.1 is not an address of this machine.\n');
  });

  test('is told where another service has the data, which goes on unharmed', async () => {
    const CELLSTEP_STORE = `lmdb:${join(temporaryDirectory(), 'data')}`;
    const first = await service({ CELLSTEP_STORE });
    await openCounter(first.url);
    const { code, stdout, stderr } = await refused({ CELLSTEP_STORE });
    expect(code).toBe(2);
    expect(stdout).toBe('');
    expect(stderr).toMatch(/^cellstep: CELLSTEP_STORE: [^\n]*is in use by process [^\n]+\n$/);
    expect(stderr).toContain(`${first.child.pid}`);
    expect((await send(first.url, '/v1/sessions/counter/steps', { inputs: [[5]] })).status).toBe(200);
    expect(await readCounter(first.url)).toEqual({ step: 1, sum: 5 });
  });

  test('is told where the data directory cannot be made', async () => {
    const directory = temporaryDirectory();
    writeFileSync(join(directory, 'file'), 'not a directory');
    for (const path of [join(directory, 'file'), join(directory, 'file/data'), '/proc/x/data']) {
      const { code, stdout, stderr } = await refused({ CELLSTEP_STORE: `lmdb:${path}` });
      expect(code, stderr).toBe(2);
      expect(stdout).toBe('');
      expect(stderr).toMatch(/^cellstep: CELLSTEP_STORE: store directory [^\n]+\n$/);
      expect(stderr).toContain(path);
    }
  });

  test('is told where the data are not of cellstep, which are left as they are', async () => {
    const directory = join(temporaryDirectory(), 'data');
    mkdirSync(directory);
    writeFileSync(join(directory, 'data.mdb'), 'something else'.repeat(1000));
    const { code, stdout, stderr } = await refused({ CELLSTEP_STORE: `lmdb:${directory}` });
    expect(code).toBe(2);
    expect(stdout).toBe('');
    expect(stderr).toMatch(/^cellstep: CELLSTEP_STORE: store file [^\n]+data\.mdb[^\n]+\n$/);
  });
});

test('a variable that it does not know is warned of, and the service starts', async () => {
  const started = await service({ CELLSTEP_PROT: '1' });
  expect(started.stdout()).toContain('"msg":"CELLSTEP_PROT is set, but cellstep has no such variable"');
});

test.each(['1', '2'])('the log says once what the limits of memory add up to, with %s workers', async (workers) => {
  const started = await service({ CELLSTEP_WORKERS: workers, CELLSTEP_STORE: `lmdb:${temporaryDirectory()}/data` });
  const said = () => started.stdout().split('The limits of memory add up to 256 + ').length - 1;
  await until(() => said() === 1);
  await started.stop();
  expect(said()).toBe(1);
});

test('localhost is 127.0.0.1', async () => {
  const { url } = await service({ CELLSTEP_HOST: 'localhost' });
  expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
  expect((await send(url, '/readyz')).status).toBe(200);
});

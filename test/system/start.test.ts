import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { logLines, send, service, temporaryDirectory } from './support.ts';

test('a Node that is too old gets one line that says what to do', () => {
  const older = join(temporaryDirectory(), 'older.cjs');
  writeFileSync(older, "Object.defineProperty(process.versions, 'node', { value: '20.20.2' });");
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--require', older, 'bin/cellstep.cjs']);
  expect({ status, stdout: `${stdout}` }).toEqual({ status: 2, stdout: '' });
  expect(`${stderr}`).toMatch(/^cellstep: this is Node 20\.20\.2; cellstep needs Node 26 or later\. [^\n]+\n$/);
});

/** Runs the service in what it takes for a container of 1 GiB, until it has listened. */
function inOneGibibyte(env: Record<string, string>) {
  const script = join(temporaryDirectory(), 'container.cjs');
  writeFileSync(script, 'process.constrainedMemory = () => 2 ** 30;');
  const child = spawn(process.execPath, ['--require', script, 'bin/cellstep.cjs'], {
    env: { PATH: process.env.PATH, CELLSTEP_STORE: 'memory:', CELLSTEP_PORT: '0', ...env },
  });
  let printed = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      printed += text;
      if (printed.includes('limits of memory add up')) child.kill('SIGTERM');
    });
  }
  return once(child, 'close').then(([code]) => ({ code, printed }));
}

test('a limit of whole ONNX graphs that does not fit the container is refused where it is set, else reported', async () => {
  const refused = await inOneGibibyte({ CELLSTEP_ONNX_MAX_BYTES: `${2 ** 29}` });
  expect(refused.code).toBe(2);
  expect(refused.printed).toMatch(
    /^cellstep: The limits add up to more .*CELLSTEP_ONNX_MAX_BYTES 512 = 1952 MiB[^\n]+\n$/,
  );
  const started = await inOneGibibyte({});
  expect(started.code).toBe(0);
  const warned = logLines(started.printed).filter(({ level }) => level === 40);
  expect(warned).toMatchObject([{ msg: expect.stringContaining('CELLSTEP_ONNX_MAX_BYTES 256 = 1440 MiB') }]);
});

test('SIGTERM while the first of several workers starts ends all with exit code 0, and starts no other', async () => {
  const env = { PATH: process.env.PATH, CELLSTEP_STORE: `lmdb:${join(temporaryDirectory(), 'data')}` };
  const child = spawn(process.execPath, ['bin/cellstep.cjs'], {
    env: { ...env, CELLSTEP_PORT: '0', CELLSTEP_WORKERS: '3', CELLSTEP_LOG_LEVEL: 'debug' },
  });
  let printed = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    printed += text;
    // The first worker's first line: the others are not there yet.
    if (printed.includes('"worker":1')) child.kill('SIGTERM');
  });
  const [code] = await once(child, 'close');
  const lines = logLines(printed);
  expect(code).toBe(0);
  expect(new Set(lines.flatMap(({ worker }) => (worker === undefined ? [] : [worker])))).toEqual(new Set([1]));
  expect(lines.at(-1)).toMatchObject({ msg: 'all workers ended' });
});

test('a request is one line of the log, by the route as the API writes it; probes are there at debug level only', async () => {
  const started = await service();
  await send(started.url, '/v1/cells/of-a-client', undefined, { 'x-request-id': 'mine-1' });
  await send(started.url, '/readyz');
  await send(started.url, '/nowhere');
  await started.stop();
  const requests = logLines(started.stdout()).filter(({ route }) => route !== undefined);
  const measured = { ms: expect.any(Number), bytes: expect.any(Number), reqId: expect.any(String) };
  expect(requests).toEqual([
    expect.objectContaining({ ...measured, method: 'GET', route: '/v1/cells/{cell}', status: 404, reqId: 'mine-1' }),
    expect.objectContaining({ ...measured, method: 'GET', route: 'none', status: 404 }),
  ]);
});

test.each([
  ['of the client, where it is visible ASCII', 'a-trace/7', 'a-trace/7'],
  ['new where that of the client has other characters', 'two words', /^req_/],
  ['new where that of the client is too long', 'x'.repeat(129), /^req_/],
])('every reply carries a request id: %s', async (_, sent, expected) => {
  const { url } = await service();
  const { headers } = await send(url, '/healthz', undefined, { 'x-request-id': sent });
  expect(headers.get('x-request-id')).toMatch(expected);
});

import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { PATIENCE_MS } from '../support/patience.ts';
import { until } from '../support/until.ts';
import {
  logLines,
  openCounter,
  parseAnswer,
  RawConnection,
  readCounter,
  send,
  service,
  temporaryDirectory,
} from './support.ts';

const STEP = '/v1/sessions/counter/steps';

/** Longer than a busy machine needs for what is to happen meanwhile. */
const SHUTDOWN = { CELLSTEP_SHUTDOWN_SECONDS: `${(2 * PATIENCE_MS) / 1000}` };

/** A step as bytes, with a body that is only announced. */
function stepHead(body: string): string {
  return `POST ${STEP} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n`;
}

async function refusesConnections(base: string): Promise<boolean> {
  try {
    await send(base, '/healthz');
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ECONNREFUSED';
  }
}

describe.each(['SIGTERM', 'SIGINT'] as const)('%s', (signal) => {
  test('lets what runs end, takes nothing new, loses no step and exits with 0', async () => {
    const settings = { CELLSTEP_STORE: `lmdb:${join(temporaryDirectory(), 'data')}`, ...SHUTDOWN };
    const first = await service(settings);
    await openCounter(first.url);

    let acknowledged = 0;
    const ends: string[] = [];
    const client = async (headers: Record<string, string>) => {
      for (;;) {
        try {
          const { status, text } = await send(first.url, STEP, { inputs: [[1]] }, headers);
          if (status !== 200) return void ends.push(`${status} ${text}`);
          acknowledged++;
        } catch (error) {
          return void ends.push((error as NodeJS.ErrnoException).code ?? String(error));
        }
      }
    };
    // Half of the clients open a connection for each request, so that there are always new ones.
    const clients = Array.from({ length: 8 }, (_, i) => client(i % 2 === 0 ? { connection: 'close' } : {}));
    await until(() => acknowledged > 100);
    const started = Date.now();
    const { code, signal: killedBy } = await first.stop(signal);
    expect({ code, killedBy }).toEqual({ code: 0, killedBy: null });
    expect(Date.now() - started).toBeLessThan(PATIENCE_MS);
    await Promise.all(clients);
    // No client was told of a failure of the service: there was none to talk to any more.
    for (const end of ends) expect(end).toMatch(/^(ECONNREFUSED|ECONNRESET|EPIPE|UND_ERR_SOCKET)$/);
    expect(first.stderr()).toBe('');
    expect(logLines(first.stdout()).map(({ msg }) => msg)).toContain('closed');

    // The directory is free again, and holds the acknowledged steps and no other.
    const second = await service(settings);
    expect(await readCounter(second.url)).toEqual({ step: acknowledged, sum: acknowledged });
  });
});

test('a request that was on its way when the signal came is answered, while no other gets in', async () => {
  const { url, child, exited } = await service(SHUTDOWN);
  await openCounter(url);
  const body = '{"inputs":[[7]],"return_states":true}';
  const step = new RawConnection(url).write(stepHead(body) + body.slice(0, 10));
  const probe = new RawConnection(url).write('GET /readyz HTTP/1.1\r\nhost: localhost\r\n');
  const idle = new RawConnection(url).write('GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n');
  await until(() => idle.received().includes('{"status":"ok"}'));
  child.kill('SIGTERM');
  await until(() => refusesConnections(url));
  // An idle connection is not waited for.
  await idle.ended;

  const unready = parseAnswer(await probe.write('\r\n').ended);
  expect(unready.status).toBe(503);
  expect(unready.headers).toMatch(/^retry-after: 1$/m);
  expect(JSON.parse(unready.body)).toMatchObject({ code: 'shutting-down' });

  const stepped = parseAnswer(await step.write(body.slice(10)).ended);
  expect(stepped.status).toBe(200);
  expect(stepped.headers).toMatch(/^connection: close$/im);
  expect(JSON.parse(stepped.body)).toMatchObject({ output: [[7]], step: 1 });
  expect(await exited).toEqual({ code: 0, signal: null });
});

test('a large reply that its client still reads is sent to its end', async () => {
  const { url, child, exited } = await service(SHUTDOWN);
  const large = { id: 'large', initializer: 'zeros', shape: [3 * 2 ** 20] };
  expect((await send(url, '/v1/variables', large)).status).toBe(201);
  const reader = new RawConnection(url).write(
    'GET /v1/variables/large HTTP/1.1\r\nhost: localhost\r\naccept: application/x-safetensors\r\n\r\n',
  );
  await until(() => reader.received().length > 0);
  // More than the buffers of both sides hold is still with the service.
  reader.socket.pause();
  await new Promise((resolve) => setTimeout(resolve, 500));
  child.kill('SIGTERM');
  await until(() => refusesConnections(url));
  reader.socket.resume();
  const { headers, body } = parseAnswer(await reader.ended);
  expect(body).toHaveLength(Number(/content-length: (\d+)/.exec(headers)?.[1]));
  expect(await exited).toEqual({ code: 0, signal: null });
});

test('a client that stops halfway is cut off when the time to shut down is over', async () => {
  const settings = {
    CELLSTEP_STORE: `lmdb:${join(temporaryDirectory(), 'data')}`,
    CELLSTEP_SHUTDOWN_SECONDS: '1',
  };
  const first = await service(settings);
  await openCounter(first.url);
  const body = '{"inputs":[[7]]}';
  const stuck = [
    new RawConnection(first.url).write('GET /healthz HTTP/1.1\r\nhost:'),
    new RawConnection(first.url).write(stepHead(body)),
    new RawConnection(first.url).write(stepHead(body) + body.slice(0, 8)),
  ];
  // Once a later request is answered, those before it have been read.
  expect((await send(first.url, STEP, { inputs: [[5]] })).status).toBe(200);
  const started = Date.now();
  expect(await first.stop()).toEqual({ code: 0, signal: null });
  const took = Date.now() - started;
  expect(took).toBeGreaterThan(900);
  expect(took).toBeLessThan(PATIENCE_MS);
  await Promise.all(stuck.map(({ ended }) => ended));
  expect(first.stdout()).toContain('"msg":"connections still open after 1 s are cut off"');
  const second = await service(settings);
  expect(await readCounter(second.url)).toEqual({ step: 1, sum: 5 });
});

test('with no time to shut down, nothing is waited for', async () => {
  const { url, stop, stdout } = await service({ CELLSTEP_SHUTDOWN_SECONDS: '0' });
  new RawConnection(url).write('GET /healthz HTTP/1.1\r\nhost:');
  expect((await send(url, '/healthz')).status).toBe(200);
  expect(await stop()).toEqual({ code: 0, signal: null });
  expect(stdout()).toContain('"msg":"connections still open after 0 s are cut off"');
});

import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, it } from 'vitest';
import { PATIENCE_MS } from '../support/patience.ts';
import { RetryingClient } from './client.ts';
import { createAgent, exchange, NoAnswer } from './exchange.ts';
import { createRandom } from './random.ts';

type Behaviour = 'hangs up' | 'cuts the reply' | 'is silent' | number | { status: number; code: string };

let close = () => {};
afterEach(() => close());

/** A server that treats the requests that come as the list says, one after another, and a client that waits so long for each answer. */
async function server(behaviours: Behaviour[], milliseconds = PATIENCE_MS) {
  const keys: (string | undefined)[] = [];
  const listening = createServer((request, reply) => {
    keys.push(request.headers['idempotency-key'] as string | undefined);
    const now = behaviours.shift() ?? 200;
    if (now === 'hangs up') request.socket.destroy();
    else if (now === 'cuts the reply')
      reply.writeHead(200, { 'content-length': '10' }).write('{', () => request.socket.destroy());
    else if (now !== 'is silent') {
      const [status, code] = typeof now === 'number' ? [now] : [now.status, now.code];
      reply.writeHead(status, { 'content-type': 'application/json', etag: '"7"' }).end(JSON.stringify({ code }));
    }
  }).listen(0, '127.0.0.1');
  await new Promise((resolve) => listening.once('listening', resolve));
  close = () => {
    listening.close();
    listening.closeAllConnections();
  };
  const url = `http://127.0.0.1:${(listening.address() as AddressInfo).port}`;
  const client = new RetryingClient({
    agent: createAgent(),
    urls: () => [url],
    random: createRandom(1),
    milliseconds,
  });
  return { keys, client, url };
}

const STEP = { method: 'POST', path: '/', body: {}, key: 'k' } as const;

it('sends a request again, with its key, until it is answered', async () => {
  const inProgress = { status: 409, code: 'in-progress' };
  const { client, keys } = await server(['hangs up', 'cuts the reply', 503, inProgress]);
  const { answer, attempts, unknown } = await client.send(STEP);
  expect(answer).toMatchObject({ status: 200, version: 7, replayed: false });
  expect([attempts, unknown]).toEqual([5, 4]);
  expect(keys).toEqual(new Array(5).fill('k'));
});

it('sends a request again that is not answered in time', async () => {
  const { client } = await server(['is silent'], 200);
  const { answer, attempts, unknown } = await client.send(STEP);
  expect(answer.status).toBe(200);
  // More than two where the machine is busy.
  expect(attempts).toBeGreaterThan(1);
  expect(unknown).toBe(attempts - 1);
});

it('takes a refusal for an answer, and another failure of the service for a fault', async () => {
  const { client } = await server([{ status: 412, code: 'version-mismatch' }, 500]);
  expect(await client.send(STEP)).toMatchObject({ answer: { status: 412 }, attempts: 1, unknown: 0 });
  await expect(client.send(STEP)).rejects.toThrow(/500/);
});

it('tells of an attempt without an answer that nothing is known', async () => {
  const { url } = await server(['hangs up']);
  await expect(exchange(createAgent(), url, STEP, PATIENCE_MS)).rejects.toBeInstanceOf(NoAnswer);
});

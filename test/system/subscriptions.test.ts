import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { REDIS_SERVER, startRedis } from '../../scripts/redis-servers.ts';
import { StreamClient } from '../streams/client.ts';
import { until } from '../support/until.ts';
import { openCounter, send, service, temporaryDirectory } from './support.ts';

const CLOSE = { connection: 'close' };
const STEPS = 40;

/** Subscribes sockets through `listeners`, steps through `steppers` by turns, and expects each socket to hear of each step. */
async function expectAllHear(listeners: readonly string[], steppers: readonly string[]): Promise<void> {
  const sockets = listeners.map((url) => new StreamClient(url));
  for (const socket of sockets) {
    await socket.open();
    expect(await socket.ask({ op: 'subscribe', id: 1, session: 'counter' })).toMatchObject({ status: 200 });
  }
  const { step: before } = JSON.parse((await send(steppers[0], '/v1/sessions/counter')).text) as { step: number };
  for (let n = 0; n < STEPS; n++) {
    const url = steppers[n % steppers.length];
    expect((await send(url, '/v1/sessions/counter/steps', { inputs: [[1]] }, CLOSE)).status).toBe(200);
  }
  const wanted = Array.from({ length: STEPS }, (_, n) => before + n + 1);
  for (const socket of sockets) {
    await socket.hear(({ event, step }) => event === 'changed' && step === before + STEPS);
    expect(socket.heard.filter(({ event }) => event === 'changed').map(({ step }) => step)).toEqual(wanted);
  }
  for (const socket of sockets) socket.socket.terminate();
}

test('workers that share a directory tell each other what their sockets are subscribed to', async () => {
  const CELLSTEP_STORE = `lmdb:${join(temporaryDirectory(), 'data')}`;
  const started = await service({ CELLSTEP_STORE, CELLSTEP_WORKERS: '2' });
  await until(() => started.stdout().includes('"msg":"all 2 workers listen"'));
  await openCounter(started.url);
  // The system spreads connections over the workers: of eight sockets and forty steps, each has some.
  await expectAllHear(Array(8).fill(started.url), [started.url]);
});

describe.runIf(REDIS_SERVER)('replicas over one Redis', () => {
  test('tell each other what their sockets are subscribed to', async () => {
    const server = await startRedis();
    const replicas = await Promise.all([1, 2].map(() => service({ CELLSTEP_STORE: server.url })));
    await openCounter(replicas[0].url);
    const urls = replicas.map(({ url }) => url);
    await expectAllHear(urls, urls);
    for (const replica of replicas) await replica.stop();
    await server.remove();
  });
});

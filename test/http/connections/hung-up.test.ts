import { once } from 'node:events';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { pino } from 'pino';
import { expect, it, onTestFinished } from 'vitest';
import { openMemoryStore } from '../../../src/store/memory.ts';
import { startApp } from '../../support/app.ts';
import { call } from '../../support/call.ts';
import { hangUpAtCommit } from '../../support/hang-up.ts';
import { eventually } from '../../support/until.ts';

const CELL = { id: 'cell', class_name: 'LSTMCell', config: { units: 2 }, input_shape: [null, 1] };
const COUNT = 'cellstep_request_duration_seconds_count';

/** A service, what it logs of requests, and how many of them its metrics have. */
async function start(store = openMemoryStore()) {
  const lines: string[] = [];
  const logger = pino({}, { write: (line: string) => void lines.push(line) });
  const app = await startApp({ store, logger });
  onTestFinished(() => app.close());
  await app.listen({ host: '127.0.0.1', port: 0 });
  const logged = (route: string) => lines.map((line) => JSON.parse(line)).filter((line) => line.route === route);
  const counted = async (route: string) => {
    const { text } = await call(app, 'GET', '/metrics');
    return text
      .split('\n')
      .filter((line) => line.startsWith(COUNT) && line.includes(`route="${route}"`))
      .map((line) => [/status="(\d+)"/.exec(line)?.[1], Number(line.split(' ').at(-1))]);
  };
  return { app, logged, counted };
}

function ask(app: Awaited<ReturnType<typeof startApp>>, head: string, body = ''): Socket {
  const socket = connect((app.server.address() as AddressInfo).port, '127.0.0.1');
  onTestFinished(() => void socket.destroy());
  const length = body === '' ? '' : `Content-Type: application/json\r\nContent-Length: ${body.length}\r\n`;
  socket.write(`${head} HTTP/1.1\r\nHost: localhost\r\n${length}\r\n${body}`);
  return socket;
}

const VARIABLE = { id: 'long', shape: [2_000_000], initializer: 'ones' };

it.each([
  { outcome: 'made a cell', path: '/v1/cells', body: CELL, status: 201 },
  { outcome: 'has a long answer', path: '/v1/variables', body: VARIABLE, status: 201 },
  { outcome: 'had a fault', path: '/v1/cells', body: CELL, status: 500 },
])('logs and counts a request once that $outcome when its client had hung up', async ({ path, body, status }) => {
  const store = openMemoryStore();
  const { app, logged, counted } = await start(store);
  const fail = () => Promise.reject(new Error('a fault'));
  hangUpAtCommit(app, store, () => client, status === 500 ? fail : store.commit);
  const client = ask(app, `POST ${path}`, JSON.stringify(body));
  await eventually(() => expect(logged(path)).toMatchObject([{ method: 'POST', status, gone: true }]));
  expect(await counted(path)).toEqual([[`${status}`, 1]]);
  expect(logged(path)).toHaveLength(1);
});

it('logs and counts a request once whose client hangs up in the middle of the reply', async () => {
  const { app, logged, counted } = await start();
  const route = '/v1/variables/{variable}';
  await call(app, 'POST', '/v1/variables', VARIABLE);
  const client = ask(app, 'GET /v1/variables/long');
  await once(client, 'data');
  expect(logged(route)).toEqual([]);
  client.destroy();
  await eventually(() => expect(logged(route)).toMatchObject([{ method: 'GET', status: 200, gone: true }]));
  expect(await counted(route)).toEqual([['200', 1]]);
});

it('logs and counts an answered request once, with the bytes of its reply', async () => {
  const { app, logged, counted } = await start();
  const client = ask(app, 'GET /v1/cells');
  await once(client, 'data');
  client.destroy();
  await eventually(() => expect(logged('/v1/cells')).toMatchObject([{ status: 200, bytes: expect.any(Number) }]));
  expect(logged('/v1/cells')[0]).not.toHaveProperty('gone');
  expect(await counted('/v1/cells')).toEqual([['200', 1]]);
});

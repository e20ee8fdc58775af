import { connect } from 'node:net';
import Fastify from 'fastify';
import { expect, it } from 'vitest';
import { MoreListeners } from '../../../src/http/connections/more-listeners.ts';
import { reservePort } from '../../../src/processes/reserve-port.ts';

const CLIENTS = 100;
const HOST = '127.0.0.1';
const nextTurn = () => new Promise((resolve) => setImmediate(resolve));

it('open several connections in one turn of the event loop, and close when the last request is answered', async () => {
  const app = Fastify();
  const { promise: released, resolve: release } = Promise.withResolvers<string>();
  let asked = 0;
  app.get('/', () => {
    asked++;
    return released;
  });
  const listeners = new MoreListeners(app.server);
  const port = await reservePort(HOST, 0);
  const address = { host: HOST, port, reusePort: true };
  await app.listen(address);
  await listeners.listen(address);
  let opened = 0;
  let inTurn = 0;
  let most = 0;
  app.server.on('connection', () => {
    opened++;
    most = Math.max(most, ++inTurn);
  });
  const answers = Array.from({ length: CLIENTS }, async () => {
    const socket = connect(port, HOST);
    socket.write('GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
    let text = '';
    for await (const bytes of socket) text += bytes;
    return text;
  });
  for (; opened < CLIENTS; inTurn = 0) await nextTurn();
  expect(most).toBeGreaterThan(1);

  while (asked < CLIENTS) await nextTurn();
  let isClosed = false;
  const closing = Promise.all([app.close(), listeners.close()]).then(() => {
    isClosed = true;
  });
  for (let turns = 0; turns < 100; turns++) await nextTurn();
  expect(isClosed).toBe(false);
  release('here');
  for (const answer of await Promise.all(answers)) expect(answer).toMatch(/^HTTP\/1\.1 200 .*here$/s);
  await closing;
});

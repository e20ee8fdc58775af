import { afterEach, describe, expect, it, vi } from 'vitest';
import { WebSocket } from 'ws';
import { LinesClient, StreamClient } from '../../streams/client.ts';
import { startApp, type TestApp } from '../../support/app.ts';
import { call, make, TUTORIAL_CELL } from '../../support/call.ts';
import { TestKeys } from '../../support/keys.ts';
import { until } from '../../support/until.ts';

const ends: (() => unknown)[] = [];
afterEach(async () => {
  vi.useRealTimers();
  for (const end of ends.splice(0).reverse()) await end();
});

describe('the key of a connection', () => {
  async function withKeys() {
    const keys = new TestKeys();
    ends.push(() => keys.remove());
    const [key, other] = ['one', 'other'].map((name) => keys.make(`${name} --scopes step`).trim());
    const app = await startApp({ gate: { keysFile: keys.file } });
    ends.push(() => app.close());
    return { keys, key, other, url: await app.listen({ host: '127.0.0.1', port: 0 }) };
  }
  const step = { session: 's', inputs: [[1]] };

  it('that is revoked closes its sockets with 1008, however they said it', async () => {
    const { keys, key, other, url } = await withKeys();
    const byHeader = new StreamClient(url, { authorization: `Bearer ${key}` });
    const byMessage = new StreamClient(url);
    const stays = new StreamClient(url, { authorization: `Bearer ${other}` });
    await Promise.all([byHeader, byMessage, stays].map((client) => client.open()));
    expect(await byMessage.ask({ op: 'auth', id: 0, token: key })).toEqual({ id: 0, status: 204 });
    expect(await byHeader.ask({ id: 1, ...step })).toMatchObject({ status: 404 });
    keys.revoke('one');
    expect(await byHeader.closed).toEqual({ code: 1008, reason: 'The key of this connection is not valid any more.' });
    expect((await byMessage.closed).code).toBe(1008);
    expect(await stays.ask({ id: 2, ...step })).toMatchObject({ status: 404 });
  });

  it('that is revoked lets in no more lines of a stream', async () => {
    const { keys, key, url } = await withKeys();
    const client = new LinesClient(url, { authorization: `Bearer ${key}` });
    client.say({ id: 1, ...step });
    await until(() => client.lines.length === 1);
    expect(client.lines[0]).toMatchObject({ id: 1, status: 404 });
    keys.revoke('one');
    let id = 1;
    await until(() => {
      client.say({ id: ++id, ...step });
      return client.lines.at(-1).status === 401;
    });
    expect(client.lines.at(-1).problem.code).toBe('unauthorized');
  });
});

describe('a silent socket', () => {
  /** To a session whose every change is an event of a good half of a megabyte for each 100 rows. */
  async function subscribed(rows: number) {
    const client = await connect(true);
    const app = apps[0];
    const config = { units: 500 };
    await make(app, '/v1/cells', { id: 'large', class_name: 'SimpleRNNCell', config, input_shape: [null, 1] });
    await make(app, '/v1/sessions', { id: 'large', cell: 'large', batch_size: rows });
    expect(await client.ask({ id: 'sub', op: 'subscribe', session: 'large' })).toMatchObject({ status: 200 });
    return { client, app };
  }

  async function stepLarge(app: TestApp, steps: number): Promise<void> {
    const { body } = await call(app, 'GET', '/v1/sessions/large');
    const inputs = Array(body.batch_size).fill([0.1]);
    for (let n = 0; n < steps; n++) {
      expect((await call(app, 'POST', '/v1/sessions/large/steps', { inputs })).status).toBe(200);
    }
  }

  const apps: TestApp[] = [];
  async function connect(autoPong: boolean) {
    const app = await startApp();
    apps[0] = app;
    ends.push(() => app.close());
    const url = await app.listen({ host: '127.0.0.1', port: 0 });
    await make(app, '/v1/cells', { ...TUTORIAL_CELL, input_shape: [null, 1] });
    await make(app, '/v1/sessions', { id: 's', cell: 'cell' });
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
    const client = new StreamClient(url, {}, 'cellstep.v1', { autoPong });
    await client.open();
    expect(await client.ask({ id: 1, session: 's', inputs: [[1]] })).toMatchObject({ status: 200 });
    return client;
  }

  it('is pinged every 30 s, and stays open if it answers', async () => {
    const client = await connect(true);
    let pings = 0;
    client.socket.on('ping', () => {
      pings += 1;
    });
    for (let round = 1; round <= 3; round++) {
      vi.advanceTimersByTime(30_000);
      await until(() => pings === round);
      // The pong is on its way before this.
      expect(await client.ask({ id: `r${round}`, session: 's', inputs: [[1]] })).toMatchObject({ status: 200 });
    }
  });

  it('is closed with 1013 where it reads nothing for two pings', async () => {
    const { client, app } = await subscribed(20);
    client.socket.pause();
    await stepLarge(app, 60);
    vi.advanceTimersByTime(30_000);
    vi.advanceTimersByTime(30_000);
    client.socket.resume();
    expect(await client.closed).toEqual({ code: 1013, reason: 'Answers are not read.' });
  });

  it('is closed with 1013 where more waits for it than it may leave unread', async () => {
    const { client, app } = await subscribed(200);
    client.socket.pause();
    // It reads again as soon as it is closed: after a while it would be cut off.
    const close = vi.spyOn(WebSocket.prototype, 'close');
    ends.push(() => close.mockRestore());
    while (close.mock.calls.length === 0) await stepLarge(app, 1);
    client.socket.resume();
    expect(await client.closed).toEqual({ code: 1013, reason: 'Answers are not read.' });
  });

  it('is closed if it does not answer a ping', async () => {
    const client = await connect(false);
    const pinged = new Promise((resolve) => client.socket.once('ping', resolve));
    vi.advanceTimersByTime(30_000);
    await pinged;
    vi.advanceTimersByTime(30_000);
    expect((await client.closed).code).toBe(1006);
  });
});

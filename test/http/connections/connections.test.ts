import { EventEmitter, once } from 'node:events';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { PassThrough } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { shareConnections } from '../../../src/http/connections/connections.ts';
import { startApp, type TestApp } from '../../support/app.ts';
import { call, make, TUTORIAL_CELL } from '../../support/call.ts';
import { until } from '../../support/until.ts';

const FILE = { accept: 'application/x-safetensors' };

describe('a connection', () => {
  let app: TestApp;
  const sockets: Socket[] = [];
  beforeEach(async () => {
    app = await startApp({ connections: { stallSeconds: 1, connectionsPerAddress: 3 } });
    await app.listen({ host: '127.0.0.1', port: 0 });
  });
  afterEach(async () => {
    for (const socket of sockets.splice(0)) socket.destroy();
    await app.close();
  });

  /** Waits until requests and replies hold bytes, and then until their connection is ended and they hold none. */
  async function heldAndFreed(): Promise<void> {
    await until(() => app.account.held > 0);
    const connections = () => new Promise((resolve) => app.server.getConnections((_error, count) => resolve(count)));
    await until(async () => (await connections()) === 0);
    await until(() => app.account.held === 0);
  }

  async function open(text: string): Promise<Socket> {
    const { port } = app.server.address() as AddressInfo;
    const socket = connect({ port, host: '127.0.0.1' });
    socket.on('error', () => undefined);
    sockets.push(socket);
    await once(socket, 'connect');
    socket.write(text);
    return socket;
  }

  it('is ended when its body stops halfway, and what it held is free', async () => {
    await open(
      'POST /v1/ops/tanh HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{"inp',
    );
    await heldAndFreed();
  });

  it('is ended when its reply is not read, and what it held is free', async () => {
    const body = JSON.stringify({ id: 'v', initializer: 'zeros', shape: [2 ** 22] });
    expect((await call(app, 'POST', '/v1/variables', body, FILE)).status).toBe(201);
    const socket = await open(`GET /v1/variables/v HTTP/1.1\r\nHost: localhost\r\nAccept: ${FILE.accept}\r\n\r\n`);
    socket.pause();
    await heldAndFreed();
  });

  it('stays open while its stream has nothing to say', async () => {
    await make(app, '/v1/cells', { ...TUTORIAL_CELL, input_shape: [null, 1] });
    await make(app, '/v1/sessions', { id: 's', cell: 'cell' });
    const socket = await open(
      'POST /v1/steps HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/jsonl\r\nTransfer-Encoding: chunked\r\n\r\n',
    );
    await delay(2_000);
    const line = `${JSON.stringify({ session: 's', inputs: [[2]] })}\n`;
    socket.write(`${line.length.toString(16)}\r\n${line}\r\n`);
    let text = '';
    socket.on('data', (piece) => {
      text += piece;
    });
    await until(() => text.includes('"status":200'));
  });

  it('is refused to an address that has its share', async () => {
    const three = [await open(''), await open(''), await open('')];
    const fourth = await open('');
    await once(fourth, 'close');
    three[0].destroy();
    await until(async () => {
      const again = await open('GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n');
      // Not by `once`, which rejects where the connection is reset.
      return new Promise<boolean>((resolve) => again.on('data', () => resolve(true)).on('close', () => resolve(false)));
    });
  });
});

it('shares connections among networks of IPv6, not among the addresses that one of them has', () => {
  const server = new EventEmitter();
  shareConnections(server as never, 1);
  const open = (remoteAddress: string) => {
    const socket = Object.assign(new PassThrough(), { remoteAddress });
    server.emit('connection', socket);
    return socket.destroyed;
  };
  expect(['2001:db8::1', '2001:db8::2', '2001:db8:0:1::1'].map(open)).toEqual([false, true, false]);
});

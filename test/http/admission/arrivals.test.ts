import { createServer, Socket } from 'node:net';
import { beforeEach, describe, expect, it } from 'vitest';
import { Arrivals } from '../../../src/http/admission/arrivals.ts';

const nextTurn = () => new Promise((resolve) => setImmediate(resolve));

describe('new connections', () => {
  let opened: string[];
  let come: (address: string) => Socket;
  let arrivals: Arrivals;

  beforeEach(() => {
    const addresses: string[] = [];
    opened = addresses;
    const server = createServer().on('connection', ({ remoteAddress = '' }) => addresses.push(remoteAddress));
    arrivals = new Arrivals(server);
    come = (address) => {
      const socket = Object.defineProperty(new Socket(), 'remoteAddress', { value: address });
      server.emit('connection', socket);
      return socket;
    };
  });

  it('are opened at once, but only so many in a turn of the event loop', async () => {
    for (let k = 0; k < 20; k++) come('a');
    expect(opened).toHaveLength(8);
    await nextTurn();
    expect(opened).toHaveLength(16);
    await nextTurn();
    expect(opened).toHaveLength(20);
  });

  it('of an address do not keep those of another waiting', async () => {
    for (let k = 0; k < 500; k++) come('a');
    come('b');
    await nextTurn();
    expect(opened).toContain('b');
  });

  it('are cut off where too many of an address wait', async () => {
    const sockets = Array.from({ length: 1_100 }, () => come('a'));
    expect(sockets.filter(({ destroyed }) => destroyed).length).toBeGreaterThan(50);
    expect(come('b').destroyed).toBe(false);
    for (let k = 0; k < 9_000; k++) come(`c${k}`);
    expect(come('d').destroyed).toBe(true);
  });

  it('that were ended while they waited take nobody’s place', async () => {
    const sockets = Array.from({ length: 20 }, () => come('a'));
    for (const socket of sockets.slice(8, 16)) socket.destroy(new Error('reset'));
    await nextTurn();
    expect(opened).toHaveLength(12);
  });

  it('that wait are ended when the service closes', async () => {
    const sockets = Array.from({ length: 20 }, () => come('a'));
    arrivals.close();
    await nextTurn();
    expect(opened).toHaveLength(8);
    expect(sockets.filter(({ destroyed }) => destroyed)).toHaveLength(12);
  });
});

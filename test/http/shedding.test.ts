import { type AddressInfo, connect } from 'node:net';
import Fastify from 'fastify';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { PROBLEM_FORM } from '../../src/http/problem-replies.ts';
import { SECURITY_HEADERS } from '../../src/http/security-headers.ts';
import { shedRequests } from '../../src/http/shedding.ts';

describe('a service that has too much to do', () => {
  const app = Fastify();
  const budget = { admits: vi.fn(() => false) };
  const shed = vi.fn();
  let url: string;

  beforeEach(async () => {
    if (app.server.listening) return;
    shedRequests(app, { budget, newId: () => 'req-1', formOf: () => PROBLEM_FORM, shed });
    app.get('/healthz', { config: { access: 'open' } }, async () => 'alive');
    app.post('/step', async () => 'stepped');
    url = await app.listen({ host: '127.0.0.1', port: 0 });
  });
  afterEach(() => {
    shed.mockClear();
  });

  const step = () => fetch(`${url}/step`, { method: 'POST', headers: { 'x-request-id': 'mine' }, body: '[1]' });

  it('turns requests away with a problem, its headers, and the time to wait', async () => {
    const reply = await step();
    expect(reply.status).toBe(503);
    expect(Object.fromEntries(reply.headers)).toMatchObject({
      ...SECURITY_HEADERS,
      'retry-after': '1',
      'x-request-id': 'mine',
      'content-type': 'application/problem+json',
    });
    expect(await reply.json()).toMatchObject({
      code: 'overloaded',
      status: 503,
      instance: '/step',
      request_id: 'mine',
    });
    expect(shed).toHaveBeenCalledExactlyOnceWith('POST', expect.objectContaining({ code: 'overloaded' }));
  });

  it('answers probes, and what the budget lets in', async () => {
    expect((await fetch(`${url}/healthz`)).status).toBe(200);
    budget.admits.mockReturnValueOnce(true);
    expect(await (await step()).text()).toBe('stepped');
    expect(shed).not.toHaveBeenCalled();
  });

  it('keeps the connection after a small body, and ends it before it reads a large one', async () => {
    const { port } = app.server.address() as AddressInfo;
    let text = '';
    const socket = connect(port, '127.0.0.1');
    socket.setEncoding('latin1').on('data', (piece: string) => {
      text += piece;
    });
    const statuses = () => text.match(/HTTP\/1\.1 \d+/g) ?? [];
    const post = (length: number) => `POST /step HTTP/1.1\r\nHost: a\r\nContent-Length: ${length}\r\n\r\n`;
    socket.write(`${post(3)}[1]${post(3)}[2]`);
    await vi.waitFor(() => expect(statuses()).toEqual(['HTTP/1.1 503', 'HTTP/1.1 503']), 5_000);
    socket.write(post(2 ** 30));
    await new Promise((resolve) => socket.once('end', resolve));
    expect(statuses()).toHaveLength(3);
    expect(text).toMatch(/connection: close/i);
    await app.close();
  });
});

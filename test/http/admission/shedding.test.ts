import { type AddressInfo, connect, type Socket } from 'node:net';
import Fastify, { type FastifyInstance } from 'fastify';
import { afterAll, afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Pipelines } from '../../../src/http/admission/pipelines.ts';
import { Refusals } from '../../../src/http/admission/refusals.ts';
import { shedRequests } from '../../../src/http/admission/shedding.ts';
import { BodyPace } from '../../../src/http/bodies/pace.ts';
import { SECURITY_HEADERS } from '../../../src/http/callers/security-headers.ts';
import { addChecks } from '../../../src/http/every-request.ts';
import { PROBLEM_FORM } from '../../../src/http/replies/problem-replies.ts';
import { eventually } from '../../support/until.ts';

describe('a service that has too much to do', () => {
  let app: FastifyInstance;
  let url: string;
  let socket: Socket;
  let received = '';
  const intake = { begin: (_client: string, begin: () => void) => begin(), isFull: vi.fn(() => true), isBusy: true };
  const account = { fits: vi.fn(() => true), add: vi.fn() };
  const shed = vi.fn();
  const write = vi.spyOn(Refusals.prototype, 'write');

  beforeEach(async () => {
    app = Fastify();
    addChecks(app);
    app.decorate('thrownAwayPace', BodyPace.ofThrownAway());
    const refusals = new Refusals('too much', { newId: () => 'req-1', formOf: () => PROBLEM_FORM, shed });
    const pipelines = new Pipelines(app, (request, response) => refusals.answer(request, response, true));
    shedRequests(app, { pipelines, refusals, account, intake });
    app.get('/healthz', { config: { access: 'open' } }, async () => 'alive');
    app.post('/step', async ({ body }) => `stepped ${body}`);
    app.addContentTypeParser('*', { parseAs: 'string' }, (_request, body, done) => done(null, body));
    url = await app.listen({ host: '127.0.0.1', port: 0 });
    received = '';
    socket = connect((app.server.address() as AddressInfo).port, '127.0.0.1');
    socket.setEncoding('latin1').on('data', (piece: string) => {
      received += piece;
    });
  });
  afterEach(async () => {
    socket.destroy();
    await app.close();
    vi.clearAllMocks();
    intake.isFull.mockReturnValue(true);
    intake.isBusy = true;
    account.fits.mockReturnValue(true);
  });
  // The files that follow have the same class.
  afterAll(() => write.mockRestore());

  const step = () => fetch(`${url}/step`, { method: 'POST', headers: { 'x-request-id': 'mine' }, body: '[1]' });
  const statuses = () => [...received.matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status]) => Number(status));
  const post = (body: string, length = body.length) =>
    `POST /step HTTP/1.1\r\nHost: a\r\nContent-Type: text/x\r\nContent-Length: ${length}\r\n\r\n${body}`;

  /** Sends bytes and waits for as many answers as there are then. */
  async function send(text: string, answers: number): Promise<void> {
    socket.write(text);
    await eventually(() => expect(statuses()).toHaveLength(answers));
  }

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

  it('answers probes, and what is let in', async () => {
    expect((await fetch(`${url}/healthz`)).status).toBe(200);
    intake.isFull.mockReturnValueOnce(false);
    expect(await (await step()).text()).toBe('stepped [1]');
    expect(shed).not.toHaveBeenCalled();
  });

  it('answers before a large body has come, reads that away in many turns, and keeps the connection', async () => {
    await send(post('[1]') + post('[2]'), 2);
    await send(post('', 2 ** 22), 3);
    const took = vi.spyOn(app.thrownAwayPace, 'took');
    await send('x'.repeat(2 ** 22) + post('[4]'), 4);
    expect(took.mock.calls.length).toBeGreaterThan(32);
    expect(received).not.toMatch(/connection: close/i);
  });

  it('writes the same answer without the parser, once it knows where requests begin', async () => {
    const one = `${post('[1]').replace('Host', 'X-Request-Id: mine\r\nhost')}`;
    await send(one, 1);
    await send(one, 2);
    expect(write).not.toHaveBeenCalled();
    await send(one, 3);
    await send(one, 4);
    expect(write).toHaveBeenCalledTimes(2);
    // Node's own headers are the only difference.
    const plain = received.replaceAll(/(?:date|connection|keep-alive): .*\r\n/gi, '').split(/(?=HTTP\/1\.1 )/);
    const sorted = plain.map((text) => text.split('\r\n').sort());
    expect(sorted[3]).toEqual(sorted[0]);
    expect(shed).toHaveBeenCalledTimes(4);
  });

  it('lets the parser have what is let in on such a connection, probes, and the end of the crowd', async () => {
    for (let k = 1; k <= 3; k++) await send(post('[1]'), k);
    await send('GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n', 4);
    // It is asked before the parser sees the request, and after.
    intake.isFull.mockReturnValueOnce(false).mockReturnValueOnce(false);
    await send(post('[5]'), 5);
    await send(post('[6]'), 6);
    intake.isBusy = false;
    intake.isFull.mockReturnValue(false);
    await send(post('[7]'), 7);
    expect(statuses()).toEqual([503, 503, 503, 200, 200, 503, 200]);
    expect(received).toContain('stepped [5]');
    expect(received).toContain('stepped [7]');
  });

  it.each([
    ['a body', post('', post('[1]').length), post('[1]')],
    ['a head', 'POST /step HTTP/1.1\r\nX: ', post('[1]')],
    ['a method', 'POS', 'T /step HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n'],
  ])('never takes what is inside %s for a request', async (_what, first, second) => {
    for (let k = 1; k <= 3; k++) await send(post('[1]'), k);
    write.mockClear();
    socket.write(first);
    await new Promise((resolve) => setTimeout(resolve, 50));
    await send(second, 4);
    expect(write).not.toHaveBeenCalled();
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(statuses()).toHaveLength(4);
  });

  it('counts the bodies of requests that wait, and refuses those that do not fit', async () => {
    intake.isFull.mockReturnValue(false);
    await send(post('[1]'), 1);
    expect(account.add.mock.calls).toEqual([
      ['address:127.0.0.1', 3],
      ['address:127.0.0.1', -3],
    ]);
    account.fits.mockReturnValue(false);
    await send(post('[2]'), 2);
    expect(statuses()).toEqual([200, 503]);
    expect(account.add).toHaveBeenCalledTimes(2);
  });

  it('leaves no connection open when it closes', async () => {
    for (let k = 1; k <= 4; k++) await send(post('[1]'), k);
    expect(write).toHaveBeenCalled();
    const ended = new Promise((resolve) => socket.once('end', resolve));
    await app.close();
    await ended;
  });
});

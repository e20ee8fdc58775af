import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { wholeRequest } from '../../../src/http/bodies/whole-request.ts';
import { createRandom } from '../../torture/random.ts';

const HEAD = 'POST /v1/sessions/s/steps?a=b HTTP/1.1\r\nHost: localhost\r\n';
const read = (text: string) => wholeRequest(Buffer.from(text, 'latin1'));

describe('a request read by its bytes', () => {
  it('has its method, its URL, its header lines and its id', () => {
    expect(read(`${HEAD}X-Request-ID: mine\r\nconnection:Keep-Alive\r\nContent-Length: 3\r\n\r\n[1]`)).toEqual({
      method: 'POST',
      url: '/v1/sessions/s/steps?a=b',
      fields: 4,
      id: 'mine',
    });
    expect(read('DELETE /a HTTP/1.1\r\nhost: a\r\n\r\n')).toMatchObject({ method: 'DELETE', fields: 1 });
  });

  it.each([
    ['a part of a head', `${HEAD}Content-Le`],
    ['a part of a body', `${HEAD}Content-Length: 4\r\n\r\n[1]`],
    ['more than one request', `${HEAD}\r\nGET`],
    ['a body without a length', `${HEAD}\r\n[1]`],
    ['chunks', `${HEAD}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n`],
    ['two lengths', `${HEAD}Content-Length: 3\r\nContent-Length: 3\r\n\r\n[1]`],
    ['a length that is no number', `${HEAD}Content-Length: +3\r\n\r\n[1]`],
    ['a folded line', `${HEAD}X: a\r\n Content-Length: 3\r\n\r\n[1]`],
    ['a blank before a colon', `${HEAD}Content-Length : 3\r\n\r\n[1]`],
    ['bare line feeds', `${HEAD}X: a\nContent-Length: 3\r\n\r\n[1]`],
    ['an upgrade', `${HEAD}Upgrade: websocket\r\n\r\n`],
    ['an expectation', `${HEAD}Expect: 100-continue\r\nContent-Length: 3\r\n\r\n[1]`],
    ['the end of its connection', `${HEAD}Connection: close\r\n\r\n`],
    ['no Host', 'GET / HTTP/1.1\r\nX: a\r\n\r\n'],
    ['two Hosts', `${HEAD}Host: other\r\n\r\n`],
    ['HTTP/1.0', 'GET / HTTP/1.0\r\nHost: a\r\n\r\n'],
    ['HEAD, which has another answer', 'HEAD / HTTP/1.1\r\nHost: a\r\n\r\n'],
    ['a method that the service does not have', 'ABCDEFG / HTTP/1.1\r\nHost: a\r\n\r\n'],
    ['a URL that JSON escapes', 'GET /" HTTP/1.1\r\nHost: a\r\n\r\n'],
    ['a very long head', `${HEAD}X: ${'a'.repeat(2 ** 14)}\r\n\r\n`],
  ])('leaves %s to the parser', (_what, text) => {
    expect(read(text)).toBeUndefined();
  });
});

describe('what is read as one request by its bytes', () => {
  const CASES = 3_000;
  const server: Server = createServer({ requireHostHeader: false });
  const PIECES = [
    '\r\n',
    '\n',
    '\r',
    ' ',
    '\t',
    ':',
    '0',
    '3',
    'a',
    '\x00',
    '\xff',
    'Host: b\r\n',
    'Content-Length: 3\r\n',
  ];
  beforeAll(() => once(server.listen(0, '127.0.0.1'), 'listening'));
  afterAll(() => server.close());

  /** The requests that Node makes of some bytes. */
  async function parsed(bytes: Buffer): Promise<IncomingMessage[]> {
    const met: IncomingMessage[] = [];
    const meet = (request: IncomingMessage) => met.push(request);
    server.on('request', meet);
    const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
    const [own] = await Promise.all([once(server, 'connection'), once(socket, 'connect')]);
    own[0].on('error', () => undefined);
    socket.on('error', () => undefined);
    own[0].emit('data', bytes);
    socket.destroy();
    server.off('request', meet);
    return met;
  }

  it('is the same request for the parser, and the next begins right behind it', async () => {
    const random = createRandom(7);
    const texts = [
      `${HEAD}Content-Type: a/b\r\nContent-Length: 3\r\n\r\n[1]`,
      'GET /v1/ops HTTP/1.1\r\nHost: localhost\r\nAccept: */*\r\nConnection: keep-alive\r\n\r\n',
    ];
    let plain = 0;
    for (let k = 0; k < CASES; k++) {
      let text = random.pick(texts);
      for (let changes = random.integer(0, 2); changes > 0; changes--) {
        const at = random.integer(0, text.length);
        text = text.slice(0, at) + random.pick(PIECES) + text.slice(at + random.integer(0, 2));
      }
      const whole = read(text);
      if (!whole) continue;
      plain++;
      const met = await parsed(Buffer.from(`${text}GET /next HTTP/1.1\r\nHost: a\r\n\r\n`, 'latin1'));
      const seen = met.map(({ method, url, rawHeaders }) => ({ method, url, fields: rawHeaders.length / 2 }));
      const { id: _, ...same } = whole;
      expect(seen, JSON.stringify(text)).toEqual([same, { method: 'GET', url: '/next', fields: 1 }]);
    }
    expect(plain).toBeGreaterThan(CASES / 4);
  });
});

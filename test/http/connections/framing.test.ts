import { type AddressInfo, connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startApp, type TestApp } from '../../support/app.ts';

const KEY = 'a-key-of-this-service';

describe('the framing of a request', () => {
  let app: TestApp;
  let bytesRead = () => 0;
  beforeAll(async () => {
    app = await startApp({ apiKeys: [KEY] });
    await app.listen({ host: '127.0.0.1', port: 0 });
    app.server.on('connection', (socket) => {
      bytesRead = () => socket.bytesRead;
    });
  });
  afterAll(() => app.close());

  /** Sends bytes as they are; the whole answer, once the service has ended the connection. */
  function exchange(text: string, then: (answer: string, write: (more: string) => void) => void = () => undefined) {
    return new Promise<string>((resolve) => {
      const { port } = app.server.address() as AddressInfo;
      const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true }, () => socket.write(text));
      let answer = '';
      socket.on('data', (chunk) => {
        answer += chunk;
        then(answer, (more) => socket.write(more));
      });
      // The service resets the connection of a client that goes on sending; what it said before counts.
      socket.on('error', () => undefined);
      socket.on('end', () => {
        socket.destroy();
        resolve(answer);
      });
    });
  }
  const start = `POST /v1/ops/tanh HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${KEY}\r\nContent-Type: application/json\r\n`;

  it.each([
    [
      'two Host headers',
      'GET /healthz HTTP/1.1\r\nHost: localhost\r\nhost: evil.example\r\n\r\n',
      'has 2 Host headers',
    ],
    [
      'another host in its target',
      'GET http://evil.example/healthz HTTP/1.1\r\nHost: localhost\r\n\r\n',
      'neither a path',
    ],
    ['no Host header', 'GET /healthz HTTP/1.1\r\n\r\n', 'has no Host header'],
    ['HTTP/0.9 by a bare path', 'GET /healthz\r\n\r\n', 'HTTP/0.9 is not supported'],
    ['HTTP/0.9 by name', 'GET /healthz HTTP/0.9\r\n\r\n', 'HTTP/0.9 is not supported'],
    ['HTTP/2.0 without its framing', 'GET /healthz HTTP/2.0\r\nHost: localhost\r\n\r\n', 'HTTP/2.0 is not supported'],
    ['a coding beside chunked', `${start}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n`, 'is not supported'],
    ['a coding that is not chunked', `${start}Transfer-Encoding: gzip\r\n\r\n`, 'Transfer-Encoding'],
    ['chunks in HTTP/1.0', `${start.replace('1.1', '1.0')}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n`, 'HTTP/1.0'],
  ])('is refused with %s, and the connection ended', async (_what, text, detail) => {
    const answer = await exchange(text);
    expect(answer).toMatch(/^HTTP\/1\.1 400 /);
    expect(answer).toMatch(/\r\nconnection: close\r\n/i);
    expect(answer).toContain('"code":"bad-request"');
    expect(answer).toContain(detail);
  });

  it('takes a target with the host that Host names', async () => {
    const target = 'GET http://LocalHost:8080/healthz HTTP/1.1\r\nHost: localhost:8080\r\nConnection: close\r\n\r\n';
    expect(await exchange(target)).toMatch(/^HTTP\/1\.1 200 /);
  });

  it('takes chunks, in any case of the word', async () => {
    const body = '{"inputs":[[0]]}';
    const chunk = `${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`;
    const answer = await exchange(`${start}Connection: close\r\nTransfer-Encoding: Chunked\r\n\r\n${chunk}`);
    expect(answer).toMatch(/^HTTP\/1\.1 200 /);
  });

  it('tells a client to send its body only once it is let in', async () => {
    const body = '{"inputs":[[0]]}';
    let sent = false;
    const answer = await exchange(
      `${start}Connection: close\r\nExpect: 100-continue\r\nContent-Length: ${body.length}\r\n\r\n`,
      (_so, write) => {
        if (!sent) write(body);
        sent = true;
      },
    );
    expect(answer).toMatch(/^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 200 /);
    const stranger = start.replace(KEY, 'a-key-of-nobody-here');
    const refused = await exchange(`${stranger}Expect: 100-continue\r\nContent-Length: 9\r\n\r\n`);
    expect(refused).toMatch(/^HTTP\/1\.1 401 /);
  });

  it('is answered with 401 before the body is read, which then never is', async () => {
    const piece = 'x'.repeat(2 ** 20);
    const stranger = start.replace(KEY, 'a-key-of-nobody-here');
    const answer = await exchange(`${stranger}Content-Length: ${2 ** 24}\r\n\r\n`, (_answer, write) => {
      for (let k = 0; k < 16; k++) write(piece);
    });
    expect(answer).toMatch(/^HTTP\/1\.1 401 /);
    expect(answer).toMatch(/\r\nconnection: close\r\n/i);
    expect(bytesRead()).toBeLessThan(2 ** 20);
  });
});

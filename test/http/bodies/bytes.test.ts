import { AsyncLocalStorage } from 'node:async_hooks';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { PassThrough } from 'node:stream';
import { expect, it } from 'vitest';
import { joined, parserOf, readBytes } from '../../../src/http/bodies/bytes.ts';
import { fingerprintOf } from '../../../src/http/bodies/fingerprint.ts';
import { slowClock } from '../../support/slow-clock.ts';
import { countTurns } from '../../support/turns.ts';

/** What a body is read as: its text, or the code of the error. `pieces` are written one after another, then `end` happens. */
async function read(
  pieces: readonly string[],
  { announced, limit = 10, end = (stream) => stream.end() }: Partial<Options> = {},
): Promise<string> {
  const stream = new PassThrough();
  const headers = announced === undefined ? {} : { 'content-length': `${announced}` };
  const results: string[] = [];
  const request = {
    headers,
    holdBytes: () => undefined,
    identity: { tenant: 't' },
    server: { bodyPace: { took: () => undefined } },
  };
  readBytes(request as never, stream, limit, (error, bytes) => {
    results.push((error as { code?: string } | null)?.code ?? `${bytes}`);
  });
  for (const piece of pieces) {
    stream.write(piece);
    await new Promise(setImmediate);
  }
  end(stream);
  await new Promise(setImmediate);
  expect(results).toHaveLength(1);
  return results[0];
}

interface Options {
  readonly announced: number;
  readonly limit: number;
  readonly end: (stream: PassThrough) => void;
}

it('reads a body in one piece, in several, in none', async () => {
  expect(await read(['{"a":1}'], { announced: 7 })).toBe('{"a":1}');
  expect(await read(['{"a"', ':1}'], { announced: 7 })).toBe('{"a":1}');
  expect(await read(['{"a"', ':1', '}'])).toBe('{"a":1}');
  expect(await read([], { announced: 0 })).toBe('');
  expect(await read([])).toBe('');
});

it('has a body as soon as all of it is there', async () => {
  expect(await read(['{"a":1}'], { announced: 7, end: () => undefined })).toBe('{"a":1}');
  expect(await read(['{"a":1}'], { announced: 7, end: (stream) => stream.destroy(new Error('gone')) })).toBe('{"a":1}');
});

it('takes exactly the limit', async () => {
  expect(await read(['0123456789'], { announced: 10 })).toBe('0123456789');
  expect(await read(['01234', '56789'])).toBe('0123456789');
  expect(await read([], { announced: 11 })).toBe('FST_ERR_CTP_BODY_TOO_LARGE');
  expect(await read(['01234', '567890', '1'])).toBe('FST_ERR_CTP_BODY_TOO_LARGE');
});

it('refuses a body that is not as long as was announced, and one that breaks off', async () => {
  expect(await read(['{}'], { announced: 7 })).toBe('FST_ERR_CTP_INVALID_CONTENT_LENGTH');
  expect(await read(['{"a":1}', '2'], { announced: 9 })).toBe('FST_ERR_CTP_INVALID_CONTENT_LENGTH');
  const gone = Object.assign(new Error('aborted'), { code: 'ECONNRESET' });
  expect(await read(['{'], { announced: 7, end: (stream) => stream.destroy(gone) })).toBe('ECONNRESET');
});

it('parses a long body in turns, and hashes it as it comes where it has a key', async () => {
  const body = Buffer.alloc(2 ** 18, 'a');
  slowClock();
  const request = {
    method: 'POST',
    url: '/v1/x',
    headers: { 'content-type': 'text/plain', 'content-length': `${body.length}`, 'idempotency-key': 'k' },
    maxOwnBytes: 2 ** 20,
    identity: { tenant: 't' },
    holdBytes: () => undefined,
    server: { bodyPace: { took: () => undefined } },
  };
  const stream = new PassThrough();
  const parse = parserOf(function* (bytes) {
    for (let slice = 0; slice < 4; slice++) yield;
    return bytes.length;
  });
  const parsed = new Promise((resolve, reject) => {
    parse(request as never, stream as never, (error, value) => (error ? reject(error) : resolve(value)));
  });
  stream.write(body.subarray(0, 1000));
  stream.end(body.subarray(1000));
  // Before, after each slice, and after all.
  expect((await countTurns(async () => expect(await parsed).toBe(body.length))).turns).toBeGreaterThanOrEqual(6);
  const whole = createHash('sha256').update('POST /v1/x\ntext/plain\n').update(body).digest('hex');
  expect(fingerprintOf(request as never)).toBe(whole);
});

it('parses a body that is not long at once as far as a slice goes, and on in turns', async () => {
  const body = Buffer.alloc(2 ** 13, 'a');
  slowClock();
  const request = {
    headers: { 'content-length': `${body.length}` },
    maxOwnBytes: 2 ** 20,
    identity: { tenant: 't' },
    holdBytes: () => undefined,
    server: { intake: { take: (_client: string, begin: () => void) => begin() } },
  };
  const stream = new PassThrough();
  let slices = 0;
  const parse = parserOf(function* (bytes) {
    for (; slices < 4; slices++) yield;
    return bytes.length;
  });
  const parsed = new Promise((resolve, reject) => {
    parse(request as never, stream as never, (error, value) => (error ? reject(error) : resolve(value)));
  });
  stream.end(body);
  await new Promise(process.nextTick);
  expect(slices).toBe(0);
  expect((await countTurns(async () => expect(await parsed).toBe(body.length))).turns).toBeGreaterThanOrEqual(4);
});

it('goes on with a body that is not small when its turn has time, in the context of the request', async () => {
  const context = new AsyncLocalStorage<string>();
  const waiting: (() => void)[] = [];
  const read: string[] = [];
  const parse = parserOf(function* (bytes) {
    yield;
    return bytes.length;
  });
  const ask = (length: number) => {
    const stream = new PassThrough();
    const request = {
      headers: { 'content-length': `${length}` },
      maxOwnBytes: 2 ** 20,
      ip: 'a',
      holdBytes: () => undefined,
      server: {
        intake: { take: (client: string, begin: () => void) => client === 'address:a' && waiting.push(begin) },
      },
    };
    const done = (_error: Error | null, body: unknown) => read.push(`${body} of ${context.getStore()}`);
    context.run(`${length}`, () => {
      parse(request as never, stream as never, done);
      stream.end(Buffer.alloc(length));
    });
  };
  ask(2 ** 12 - 1);
  ask(2 ** 12);
  await new Promise(setImmediate);
  expect(read).toEqual(['4095 of 4095']);
  expect(waiting).toHaveLength(1);
  context.run('another', waiting[0]);
  expect(read).toEqual(['4095 of 4095', '4096 of 4096']);
});

it('gives the memory of pieces back when they are copied, but not what others may use', async () => {
  const whole = Buffer.alloc(3 * 2 ** 16, 'w');
  const pieces = [Buffer.alloc(2 ** 16, 'a'), whole.subarray(0, 2 ** 16), Buffer.alloc(2 ** 13, 'b')];
  const own = pieces.map(({ buffer }) => buffer as ArrayBuffer);
  const bytes = await joined([...pieces], 2 ** 17 + 2 ** 13, async () => undefined);
  expect(bytes.equals(Buffer.from(`${'a'.repeat(2 ** 16)}${'w'.repeat(2 ** 16)}${'b'.repeat(2 ** 13)}`))).toBe(true);
  expect(own.map(({ byteLength }) => byteLength)).toEqual([0, 3 * 2 ** 16, 0]);
});

it('gives the memory of pieces back that come from a socket', async () => {
  const read: Buffer[] = [];
  const server = createServer((incoming, reply) => {
    incoming.on('data', (piece: Buffer) => read.push(piece));
    const { socket } = incoming;
    const request = { headers: incoming.headers, ip: 'a', identity: { tenant: 't' }, holdBytes: () => undefined };
    Object.assign(request, { server: { bodyPace: { took: () => undefined } }, raw: { socket } });
    readBytes(request as never, incoming, 2 ** 24, (_error, bytes) => reply.end(bytes));
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const sent = Buffer.alloc(2 ** 20, 'abc');
  const { port } = server.address() as AddressInfo;
  const reply = await fetch(`http://127.0.0.1:${port}`, { method: 'POST', body: sent });
  expect(Buffer.from(await reply.arrayBuffer()).equals(sent)).toBe(true);
  expect(read.length).toBeGreaterThan(10);
  expect(read.filter(({ length }) => length >= 2 ** 12)).toEqual([]);
  server.close();
});

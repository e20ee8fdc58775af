import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import * as fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { GatheredMessage } from '../../../src/http/bodies/gathered-message.ts';
import { BLOCK_BYTES, SmallPieces } from '../../../src/http/bodies/small-pieces.ts';
import { startApp, type TestApp } from '../../support/app.ts';
import { runs } from '../../support/runs.ts';

it('gathers short pieces in their order, in blocks, and copies none that is alone', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 3_000 }), { maxLength: 30 }), (arrays) => {
      const small = new SmallPieces();
      const sent = arrays.map((bytes) => Buffer.from(bytes));
      const blocks: (Buffer | undefined)[] = sent.map((piece) => small.add(piece));
      blocks.push(small.take());
      const kept = blocks.filter((block) => block !== undefined);
      expect(Buffer.concat(kept)).toEqual(Buffer.concat(sent));
      expect(kept.every(({ length }) => length <= BLOCK_BYTES)).toBe(true);
      expect(small.isEmpty).toBe(true);
    }),
    { numRuns: runs(100) },
  );
  const alone = Buffer.alloc(9);
  const small = new SmallPieces();
  small.add(alone);
  expect(small.take()).toBe(alone);
});

/** A body in chunks of so many letters. */
function chunked(text: string, size: number): string {
  const chunks = text.match(new RegExp(`[^]{${size}}`, 'g')) ?? [];
  return `${chunks.map((chunk) => `${size.toString(16)}\r\n${chunk}\r\n`).join('')}0\r\n\r\n`;
}

describe('a body in short chunks', () => {
  const SIZE = 32;
  let server: Server;
  let answer: (request: IncomingMessage, response: ServerResponse) => void;
  beforeEach(async () => {
    server = createServer({ IncomingMessage: GatheredMessage }, (request, response) => answer(request, response));
    await once(server.listen(0, '127.0.0.1'), 'listening');
  });
  afterEach(() => server.close());

  function send(text: string): void {
    const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
    socket.end(`POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n${chunked(text, SIZE)}`);
  }

  it('comes in few pieces, and the server hears of those that there were', async () => {
    const text = 'abcdefgh'.repeat(10_240);
    const pieces: string[] = [];
    let told = 0;
    server.on('pieces', () => told++);
    await new Promise<void>((resolve) => {
      answer = (request, response) => {
        request.on('data', (piece) => pieces.push(`${piece}`));
        request.on('end', () => response.end(resolve));
      };
      send(text);
    });
    expect(pieces.join('') === text).toBe(true);
    expect(pieces.length).toBeLessThan(text.length / SIZE / 4);
    // A chunk that is cut by a read is two.
    expect(told).toBeGreaterThanOrEqual(text.length / SIZE / 64);
  });

  it('stays whole where it is read later', async () => {
    const text = 'abcdefgh'.repeat(20_000);
    const read = await new Promise<string>((resolve) => {
      answer = async (request, response) => {
        await new Promise((later) => setTimeout(later, 20));
        let all = '';
        for await (const piece of request) all += piece;
        response.end(() => resolve(all));
      };
      send(text);
    });
    expect(read === text).toBe(true);
  });
});

describe('a body in thousands of chunks of a byte', () => {
  const START = (path: string, type: string) =>
    `POST ${path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: ${type}\r\ntransfer-encoding: chunked\r\n\r\n`;
  let app: TestApp;
  let port: number;
  beforeEach(async () => {
    app = await startApp();
    await app.listen({ port: 0, host: '127.0.0.1' });
    ({ port } = app.server.address() as AddressInfo);
  });
  afterEach(() => app.close());

  /** What the service answers until it hangs up. */
  async function answerTo(bytes: string): Promise<string> {
    const socket = connect(port, '127.0.0.1');
    // It may hang up while this goes on.
    socket.on('error', () => undefined);
    socket.write(bytes);
    let text = '';
    socket.on('data', (piece) => {
      text += piece;
    });
    await new Promise((resolve) => socket.once('close', resolve));
    return text;
  }

  it('is refused, and its connection ends', async () => {
    const text = await answerTo(START('/v1/cells', 'application/json') + chunked(' '.repeat(100_000), 1));
    expect(text).toMatch(/^HTTP\/1.1 400 Bad Request\r\n/);
    expect(text).toContain('The body comes in thousands of chunks of a few bytes. Send longer ones.');
    expect(text.match(/HTTP\/1.1/g)).toHaveLength(1);
  });

  it('ends the connection of a stream that is being answered', async () => {
    const text = await answerTo(START('/v1/steps', 'application/jsonl') + chunked('\n'.repeat(100_000), 1));
    expect(text).not.toContain('"status":500');
    expect((await app.inject('/healthz')).statusCode).toBe(200);
  });

  it('is taken while there are not so many', async () => {
    const body = `${' '.repeat(800)}{"class_name":"SimpleRNNCell","config":{"units":1}}`;
    const request = START('/v1/cells', 'application/json').replace('\r\n\r\n', '\r\nconnection: close\r\n\r\n');
    expect(await answerTo(request + chunked(body, 1))).toMatch(/^HTTP\/1.1 201 /);
  });
});

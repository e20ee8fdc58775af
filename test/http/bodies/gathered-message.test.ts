import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import * as fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { GatheredMessage } from '../../../src/http/bodies/gathered-message.ts';
import { BLOCK_BYTES, SmallPieces } from '../../../src/http/bodies/small-pieces.ts';
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

describe('a body in chunks of one byte', () => {
  let server: Server;
  let answer: (request: IncomingMessage, response: ServerResponse) => void;
  beforeEach(async () => {
    server = createServer({ IncomingMessage: GatheredMessage }, (request, response) => answer(request, response));
    await once(server.listen(0, '127.0.0.1'), 'listening');
  });
  afterEach(() => server.close());

  function send(text: string): void {
    const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
    const chunks = [...text].map((letter) => `1\r\n${letter}\r\n`).join('');
    socket.end(`POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n${chunks}0\r\n\r\n`);
  }

  it('comes in few pieces, and the server hears of those that there were', async () => {
    const text = 'abcdefgh'.repeat(2_000);
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
    expect(pieces.join('')).toBe(text);
    // A read of Node has 64 KiB, which are 10,922 such chunks.
    expect(pieces.length).toBeLessThan(20);
    expect(told).toBe(text.length / 64);
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
    expect(read).toBe(text);
  });
});

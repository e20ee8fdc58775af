import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import fc from 'fast-check';
import { expect, it, onTestFinished } from 'vitest';
import { openCalls } from '../../bench/streams/raw.ts';
import { runs } from '../support/runs.ts';

const WHOLE = 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nthere';
const IN_CHUNKS = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n0\r\n\r\nb\r\nand so on\r\n\r\n0\r\n\r\n';

/** To a server that says nothing. */
async function connection() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  const { port } = server.address() as AddressInfo;
  const opened = await openCalls(`http://127.0.0.1:${port}`);
  onTestFinished(() => void opened.socket.destroy());
  return opened;
}

it('counts answers of a length and in chunks, wherever they are cut', async () => {
  const { count } = await connection();
  const answers = fc.array(fc.constantFrom(WHOLE, IN_CHUNKS), { maxLength: 5 });
  fc.assert(
    fc.property(answers, fc.array(fc.nat(400)), (given, cuts) => {
      const bytes = Buffer.from(given.join(''));
      const places = [0, ...cuts.map((cut) => Math.min(cut, bytes.length)).sort((a, b) => a - b), bytes.length];
      const pieces = places.slice(1).map((to, k) => bytes.subarray(places[k], to));
      expect(pieces.reduce((sum, piece) => sum + count(piece), 0)).toBe(given.length);
    }),
    { numRuns: runs(200) },
  );
});

it('throws when an answer is not a success', async () => {
  const { count } = await connection();
  expect(() => count(Buffer.from('HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n'))).toThrow('503');
});

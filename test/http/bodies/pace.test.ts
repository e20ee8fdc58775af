import { once } from 'node:events';
import { PassThrough, type Readable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { BodyPace } from '../../../src/http/bodies/pace.ts';

const CHUNK = 2 ** 16;
/** Of all bodies in one turn, and then one more of each that is under way. */
const CHUNKS_OF_TURN = 8;

describe('bodies that come', () => {
  let pace: BodyPace;
  let read: string;
  let begun: Readable[];

  beforeEach(() => {
    pace = new BodyPace();
    read = '';
    begun = [];
  });
  // What is left would go on in the next test.
  afterEach(async () => {
    for (const stream of begun) if (!stream.readableEnded) await once(stream, 'end');
  });

  /** A body whose chunks are there at once. */
  function body(client: string, chunks: number): Readable {
    const stream = new PassThrough({ highWaterMark: chunks * CHUNK });
    stream.on('data', (bytes: Buffer) => {
      read += client;
      pace.took(client, stream, bytes.length);
    });
    for (let k = 0; k < chunks; k++) stream.write(Buffer.alloc(CHUNK));
    begun.push(stream);
    return stream.end() as Readable;
  }

  it('are read as far as the bytes of a turn go, and on in the next turns', async () => {
    body('a', 40);
    await new Promise(process.nextTick);
    expect(read).toHaveLength(CHUNKS_OF_TURN);
    const lengths: number[] = [];
    for (let last = 0; read.length < 40; last = read.length) {
      await new Promise(setImmediate);
      await new Promise(process.nextTick);
      lengths.push(read.length - last);
    }
    expect(Math.max(...lengths)).toBeLessThanOrEqual(2 * CHUNKS_OF_TURN);
    expect(read).toHaveLength(40);
  });

  it('of many connections share the bytes of a turn, and clients take turns', async () => {
    const bodies = Array.from({ length: 30 }, () => body('a', 20));
    bodies.push(body('b', 20));
    let turns = 0;
    for (; read.length < 31 * 20; turns++) {
      const before = read.length;
      await new Promise(setImmediate);
      await new Promise(process.nextTick);
      // A chunk of each that was under way, and then of those that go on.
      expect(read.length - before).toBeLessThanOrEqual(31 + CHUNKS_OF_TURN);
    }
    expect(turns).toBeGreaterThanOrEqual((31 * 20) / (31 + CHUNKS_OF_TURN));
    // Most turns that b waits for are its own.
    expect(read.lastIndexOf('b')).toBeLessThan((read.length * 2) / 3);
    for (const stream of bodies) expect(stream.readableEnded || stream.readableLength === 0).toBe(true);
  });

  it('of another client that are short are whole in the second turn after they came, while long ones come', async () => {
    for (let k = 0; k < 30; k++) body('a', 20);
    for (let turn = 0; turn < 3; turn++) {
      await new Promise(setImmediate);
      await new Promise(process.nextTick);
    }
    body('b', 2);
    for (let turn = 0; turn < 2; turn++) {
      await new Promise(setImmediate);
      await new Promise(process.nextTick);
    }
    expect(read.replaceAll('a', '')).toBe('bb');
    expect(read.length).toBeLessThan(30 * 20);
  });
});

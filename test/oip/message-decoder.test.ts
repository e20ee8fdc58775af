import { StreamDecoder } from '@grpc/grpc-js/build/src/stream-decoder.js';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MessageDecoder } from '../../src/oip/grpc/message-decoder.ts';
import { runs } from '../support/runs.ts';

const MAX_BYTES = 2 ** 24;

function framed(length: number, fill = 7, compressed = 0): Buffer {
  const message = Buffer.alloc(5 + length, fill);
  message.writeUInt8(compressed, 0);
  message.writeUInt32BE(length, 1);
  return message;
}

function cut(bytes: Buffer, lengths: readonly number[]): Buffer[] {
  const pieces: Buffer[] = [];
  for (let at = 0, k = 0; at < bytes.length; k++) {
    const length = lengths[k % lengths.length];
    pieces.push(bytes.subarray(at, at + length));
    at += length;
  }
  return pieces;
}

function isSame(own: readonly Buffer[], theirs: readonly Buffer[]): boolean {
  return own.length === theirs.length && own.every((message, k) => message.equals(theirs[k]));
}

describe('the messages of a call of gRPC', () => {
  it('are those that the decoder of grpc-js makes, in the same writes, wherever their bytes are cut', () => {
    const lengths = fc.oneof(fc.nat(40), fc.nat(300_000));
    const messages = fc.array(fc.tuple(lengths, fc.nat(255), fc.nat(1)), { maxLength: 6 });
    const cuts = fc.array(fc.oneof(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1000, max: 200_000 })), {
      minLength: 1,
      maxLength: 5,
    });
    fc.assert(
      fc.property(messages, cuts, (sent, lengths) => {
        // Many short cuts of a long message only take time.
        const all = Buffer.concat(sent.map(([length, fill, compressed]) => framed(length, fill, compressed)));
        const pieces = cut(all, all.length > 10_000 ? [...lengths, 50_000] : lengths);
        const [own, theirs] = [new MessageDecoder(MAX_BYTES), new StreamDecoder(MAX_BYTES)];
        for (const piece of pieces) expect(isSame(own.write(piece), theirs.write(piece))).toBe(true);
      }),
      { numRuns: runs(300) },
    );
  });

  it('take memory as they come, not as they are announced', () => {
    const decoder = new MessageDecoder(MAX_BYTES);
    const room = () => (decoder as unknown as { message: Buffer }).message.length;
    const message = framed(MAX_BYTES);
    decoder.write(message.subarray(0, 5));
    expect(room()).toBeLessThan(100);
    for (let at = 5; at < 2 ** 20; at += 2 ** 14) {
      decoder.write(message.subarray(at, at + 2 ** 14));
      expect(room()).toBeLessThanOrEqual(2 * (at + 2 ** 14));
    }
  });

  it('are copied as they come: the write that completes a long one copies its own bytes', () => {
    const decoder = new MessageDecoder(MAX_BYTES);
    const message = framed(MAX_BYTES);
    const last = message.length - 2 ** 14;
    for (let at = 0; at < last; at += 2 ** 14) decoder.write(message.subarray(at, Math.min(last, at + 2 ** 14)));
    const { buffer } = (decoder as unknown as { message: Buffer }).message;
    const [whole] = decoder.write(message.subarray(last));
    expect(whole.buffer).toBe(buffer);
    expect(whole.equals(message)).toBe(true);
  });

  it('are copied together where they come whole, and not kept with what else was read', () => {
    const read = Buffer.concat(Array(100).fill(framed(3_000)));
    const whole = new MessageDecoder(MAX_BYTES).write(read);
    expect(whole).toHaveLength(100);
    expect(new Set(whole.map(({ buffer }) => buffer)).size).toBe(1);
    expect(whole[0].buffer).not.toBe(read.buffer);
  });

  it('are refused where one is too long', () => {
    const decoder = new MessageDecoder(100);
    expect(() => decoder.write(framed(101))).toThrow('Received message larger than max (101 vs 100)');
  });
});

import fc from 'fast-check';
import { expect, it } from 'vitest';
import { FrameReader, frame } from '../../src/engine/onnxruntime/frames.ts';
import type { Answer, Message, RowResult, SentTensors } from '../../src/engine/onnxruntime/messages.ts';

const tensors: fc.Arbitrary<SentTensors> = fc
  .record({ count: fc.integer({ min: 1, max: 3 }), size: fc.integer({ min: 0, max: 5 }), seed: fc.nat(255) })
  .map(({ count, size, seed }) => {
    const bytes = Uint8Array.from({ length: count * size * 4 }, (_, k) => (seed + k * 7) & 255);
    return { dtype: 'float32', shape: [size], count, bytes };
  });
const some = fc.array(tensors, { maxLength: 3 });
const row = fc.record({ runs: fc.integer({ min: 1, max: 3 }), inputs: some, states: some });
const requests = fc.array(fc.record({ rows: fc.array(row, { maxLength: 2 }), everyState: fc.boolean() }), {
  maxLength: 3,
});
// An input may have any name.
const name = fc.constantFrom('x', '__proto__', 'bytes', 'é');
const run: fc.Arbitrary<Message> = fc.record({
  op: fc.constant('run' as const),
  graph: fc.string(),
  inputs: fc.array(name),
  constants: fc.array(fc.tuple(name, tensors), { maxLength: 2 }),
  states: fc.array(fc.record({ name, output: name }), { maxLength: 2 }),
  outputs: fc.array(name),
  requests,
});
const load: fc.Arbitrary<Message> = fc
  .uint8Array({ maxLength: 40 })
  .map((bytes) => ({ op: 'load', graph: 'g', model: { bytes } }));
const made = fc.record({ outputs: fc.array(some, { maxLength: 2 }), states: fc.array(some, { maxLength: 2 }) });
const result = fc.oneof(
  fc.record({ rows: fc.array(made, { maxLength: 2 }) }),
  fc.constant({ fault: 'no', kind: 'refused' as const }),
);
const answer: fc.Arbitrary<Answer> = fc.record({
  results: fc.array(result, { maxLength: 3 }),
  seconds: fc.array(fc.constant(0.25), { maxLength: 3 }),
});
const messages = fc.array(fc.oneof(run, load, fc.constant<Message>({ op: 'release', graph: 'g' }), answer), {
  minLength: 1,
  maxLength: 5,
});

/** Bytes as plain arrays of their own, whatever buffer they lie in. */
function plain(value: unknown): unknown {
  if (value instanceof Uint8Array || Array.isArray(value)) return Array.from(value, plain);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, own]) => [name, plain(own)]));
}

const whole = (message: Message | Answer) => Buffer.concat(frame(message));

it('brings messages over as they were, wherever their bytes are cut, in a buffer that is used again', () => {
  fc.assert(
    fc.property(
      messages,
      fc.array(fc.integer({ min: 1, max: 300 }), { minLength: 1, maxLength: 20 }),
      (sent, sizes) => {
        const bytes = Buffer.concat(sent.flatMap(frame));
        const reader = new FrameReader<Message | Answer>(2 ** 20);
        const buffer = Buffer.allocUnsafeSlow(300);
        const got: unknown[] = [];
        for (let at = 0, k = 0; at < bytes.length; k++) {
          const size = Math.min(sizes[k % sizes.length], bytes.length - at);
          bytes.copy(buffer, 0, at, at + size);
          // As the process of the runtime does: a message is used before the next read.
          for (const message of reader.push(buffer.subarray(0, size))) got.push(plain(message));
          buffer.fill(0xee);
          at += size;
        }
        expect(got).toEqual(sent.map(plain));
      },
    ),
    { numRuns: 1000 },
  );
});

it('aligns what is attached, so that elements of every type lie as memory needs them', () => {
  const one = (length: number): SentTensors => ({
    dtype: 'bool',
    shape: [length],
    count: 1,
    bytes: new Uint8Array(length),
  });
  const sent: Answer = { results: [{ rows: [{ outputs: [[one(1), one(3)], [one(8)]], states: [] }] }], seconds: [0] };
  const [got] = [...new FrameReader<Answer>(2 ** 20).push(Buffer.from(new Uint8Array(whole(sent)).buffer))];
  const [{ rows }] = got.results as { readonly rows: readonly RowResult[] }[];
  expect(rows[0].outputs.flat().map(({ bytes }) => bytes.byteOffset % 8)).toEqual([0, 0, 0]);
});

it('brings over what is long, which it does not copy', () => {
  const bytes = Uint8Array.from({ length: 2 ** 20 + 3 }, (_, k) => k);
  const parts = frame({ op: 'load', graph: 'g', model: { bytes } });
  expect(parts).toContain(bytes);
  const [got] = [...new FrameReader<Message>(2 ** 21).push(Buffer.concat(parts))];
  expect(got.op === 'load' && Buffer.compare(got.model.bytes, bytes)).toBe(0);
});

it('refuses a message that is larger than it may be as soon as its length is there', () => {
  const bytes = whole({ op: 'load', graph: 'g', model: { bytes: new Uint8Array(1000) } });
  const reader = new FrameReader<Message>(1000);
  expect(() => [...reader.push(bytes.subarray(0, 8))]).toThrow(RangeError);
});

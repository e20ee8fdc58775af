import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeRecord } from '../../../src/domain/record.ts';
import type { SessionRecord } from '../../../src/domain/session.ts';
import { BYTES_PER_ELEMENT, DTYPES, sizeOf, zeros } from '../../../src/domain/tensor.ts';
import { decodeElements, encodeElements } from '../../../src/domain/tensor-bytes.ts';
import { encodeSession as bytesOfSession, decodeSession } from '../../../src/services/sessions/session-bytes.ts';

const encodeSession = (...content: Parameters<typeof bytesOfSession>) =>
  new Uint8Array(bytesOfSession(...content).subarray());

const id = fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/);
const count = fc.maxSafeNat();

const records: fc.Arbitrary<SessionRecord> = fc.record({
  format: fc.constant(1 as const),
  id,
  uid: id,
  cell: id,
  cell_uid: id,
  cell_version: count,
  batch_size: count,
  step: count,
  ttl_seconds: fc.option(count),
  pinned: fc.option(id, { nil: undefined }),
  history: fc.option(fc.record({ limit: count, oldest: count }), { nil: undefined }),
  version: count,
  created_at: count,
  updated_at: count,
});

/** Any bits, but those of a NaN of two bytes, which becomes a quiet one as it is widened. */
const tensors = fc
  .tuple(fc.constantFrom(...DTYPES), fc.array(fc.nat({ max: 4 }), { maxLength: 4 }))
  .chain(([dtype, shape]) => {
    const length = sizeOf(shape) * BYTES_PER_ELEMENT[dtype];
    const byte = fc.nat({ max: dtype === 'bool' ? 1 : BYTES_PER_ELEMENT[dtype] === 2 ? 0x3f : 255 });
    return fc
      .array(byte, { minLength: length, maxLength: length })
      .map((bytes) => decodeElements(dtype, shape, Uint8Array.from(bytes)));
  });

const sessions = fc.record({
  record: records,
  states: fc.array(tensors, { maxLength: 4 }),
  output: fc.option(tensors, { nil: undefined }),
});

const some = {
  format: 1,
  id: 's',
  uid: 'uid_1',
  cell: 'c',
  cell_uid: 'uid_2',
  cell_version: 3,
  batch_size: 2,
  step: 4,
  ttl_seconds: 60,
  version: 5,
  created_at: 6,
  updated_at: 7,
} as const;

describe('the bytes of a session', () => {
  it('come back bit for bit', () => {
    fc.assert(
      fc.property(sessions, ({ record, states, output }) => {
        const read = decodeSession(encodeSession(record, states, output));
        expect(read).toEqual({ record, states, output });
        const bits = (all: typeof states) => all.map((tensor) => [...encodeElements(tensor)]);
        expect(bits([...read.states])).toEqual(bits(states));
      }),
      { numRuns: 500 },
    );
  });

  it('hold as many states as a deep stack of cells has', () => {
    const states = Array.from({ length: 600 }, (_, i) => zeros('float32', [1, i % 3]));
    expect(decodeSession(encodeSession(some, states))).toEqual({ record: some, states });
    expect(decodeSession(encodeSession(some, states, states[0])).states).toHaveLength(600);
  });

  it('may stand anywhere in their buffer', () => {
    const states = [
      decodeElements(
        'float64',
        [2, 1],
        Uint8Array.from({ length: 16 }, (_, i) => i),
      ),
    ];
    const bytes = encodeSession(some, states);
    for (let before = 0; before < 9; before++) {
      const whole = new Uint8Array(before + bytes.length + 1);
      whole.set(bytes, before);
      expect(decodeSession(whole.subarray(before, before + bytes.length))).toEqual({ record: some, states });
    }
  });

  it('are never misread where they are cut short, or have bytes behind', () => {
    const bytes = encodeSession(some, [zeros('float32', [2, 3]), zeros('float32', [2, 3])], zeros('float32', [2, 1]));
    for (let length = 0; length < bytes.length; length++) {
      expect(() => decodeSession(bytes.subarray(0, length)), `${length} bytes`).toThrow();
    }
    expect(() => decodeSession(Buffer.concat([bytes, new Uint8Array(1)]))).toThrow('damaged session');
  });

  it('are never misread where the first ones are others', () => {
    const bytes = encodeSession(some, [zeros('float32', [2, 3])]);
    for (let i = 0; i < 8; i++) {
      const damaged = Uint8Array.from(bytes);
      damaged[i] ^= 1;
      expect(() => decodeSession(damaged), `byte ${i}`).toThrow(/damaged/);
    }
  });

  it('are read as format 2 of a store has them, a record in JSON', () => {
    const state = zeros('float32', [2, 3]);
    const output = zeros('float32', [2, 1]);
    const record = { ...some, pinned: '3', history: { limit: 5, oldest: 1 } };
    const bytes = encodeRecord({ fields: record, tensors: { 'states.0': state, 'states.1': state, output } });
    expect(decodeSession(bytes)).toEqual({ record, states: [state, state], output });
  });
});

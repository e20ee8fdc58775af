import fc from 'fast-check';
import { expect, it } from 'vitest';
import { NestedNumbers } from '../../schemas/nested-numbers.ts';
import { stepMessage } from '../../schemas/stream.ts';
import { Tensor } from '../../src/domain/tensor.ts';
import { SentTensor } from '../../src/domain/tensor-literal.ts';
import { checkShape } from '../../src/http/bodies/validation.ts';
import type { Change } from '../../src/services/changes/change.ts';
import { TEXT_FORM } from '../../src/streams/answer-form.ts';
import { messageHandler, stepOfMany } from '../../src/streams/message-handler.ts';
import { plainStep } from '../../src/streams/plain-step.ts';

const row = () => new NestedNumbers([1, 2], Float64Array.of(0.1, -2));
const inputs = fc.oneof(
  fc.constantFrom(row(), new NestedNumbers([2], Float64Array.of(1, 2)), [[1, 2]], null),
  fc.constant(new SentTensor(new Tensor('float32', [1, 2], Float32Array.of(1, 2)))),
);
const odd = fc.constantFrom(null, '', ' ', 'é', 0, -1, 1.5, 2 ** 53, true, [], {}, 's'.repeat(129), 'k'.repeat(256));
/** Mostly a valid value. */
const mostly = <T>(valid: fc.Arbitrary<T>) => fc.oneof({ weight: 9, arbitrary: valid }, { weight: 1, arbitrary: odd });
const message = fc.record(
  {
    session: mostly(fc.constant('s.1')),
    inputs,
    id: mostly(fc.oneof(fc.string({ maxLength: 130 }), fc.integer())),
    key: mostly(fc.string({ minLength: 1, maxLength: 5 })),
    if_match: mostly(fc.nat()),
    op: mostly(fc.constant('step')),
    return_states: mostly(fc.boolean()),
  },
  { requiredKeys: ['session', 'inputs'] },
);

it('accepts nothing that the schema refuses, and reads it as the schema does', () => {
  let plain = 0;
  const property = fc.property(message, (sent) => {
    const read = plainStep(sent);
    if (!read) return;
    plain++;
    const { session, key, if_match, return_states, inputs } = checkShape(stepMessage, sent);
    expect(read).toEqual({ session, key, if_match, return_states, inputs });
  });
  fc.assert(property, { numRuns: 20_000, seed: 1 });
  expect(plain).toBeGreaterThan(100);
});

it('leaves inputs of other forms, and every other field, to the schema', () => {
  for (const other of [
    { trace: false },
    { mask: [1] },
    { inputs: [[1]] },
    { tensor_format: 'nested' },
    { op: 'open' },
  ]) {
    expect(plainStep({ session: 's', inputs: row(), ...other })).toBeUndefined();
  }
  expect(plainStep(null)).toBeUndefined();
  expect(plainStep([])).toBeUndefined();
  expect(plainStep(new Error('not parsed'))).toBeUndefined();
});

it('is the same request for a key as the message that the schema reads', async () => {
  const given = [
    {},
    { if_match: 3 },
    { return_states: true },
    { inputs: new SentTensor(new Tensor('float64', [1, 2], Float64Array.of(1, 2))) },
  ];
  for (const more of given) {
    const sent = { id: 1, session: 's', inputs: row(), key: 'k', ...more };
    const handler = messageHandler(stepMessage, async (_message, asked) => asked(() => ({})) as never);
    const read = (await handler.act(sent, TEXT_FORM)) as unknown as Change<unknown, string>;
    const plain = stepOfMany(plainStep(sent)!, TEXT_FORM, () => undefined);
    expect(plain.once?.fingerprint).toBe(read.once?.fingerprint);
    expect(plain.once?.idempotencyKey).toBe('k');
    expect(plain.expected).toEqual(read.expected);
  }
});

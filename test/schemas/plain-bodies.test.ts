import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { stepBody } from '../../schemas/cell.ts';
import { NestedNumbers } from '../../schemas/nested-numbers.ts';
import { plainReaders } from '../../schemas/plain-bodies.ts';
import { sessionStepBody } from '../../schemas/session.ts';
import { Tensor } from '../../src/domain/tensor.ts';
import { SentTensor } from '../../src/domain/tensor-literal.ts';

const numbers = (...shape: number[]) => new NestedNumbers(shape, new Float64Array(shape.reduce((a, b) => a * b)));
const file = (...shape: number[]) =>
  new SentTensor(new Tensor('float32', shape, new Float32Array(shape.length > 2 ? 1 : 2)));
const tensor = fc.constantFrom(
  numbers(1, 2),
  numbers(2),
  numbers(1, 2, 2),
  file(1, 2),
  file(1, 1, 1, 1, 1, 1, 1, 1, 1),
);
const odd = fc.constantFrom(null, true, 0, '', 'NaN', {}, [], [[1, 2]], [1, [2]], { variable: 'v' }, [null], undefined);
const states = fc.oneof(tensor, fc.constant(numbers(2, 1, 2)), fc.array(fc.oneof(tensor, odd), { maxLength: 3 }), odd);
const inputs = fc.oneof({ weight: 5, arbitrary: tensor }, { weight: 1, arbitrary: odd });
const return_states = fc.oneof(fc.boolean(), odd);
const body = fc.oneof(
  fc.record({ inputs, return_states }, { requiredKeys: ['inputs'] }),
  fc.record({ inputs, states }, { requiredKeys: [] }),
  fc.record({ inputs, states, return_states, trace: fc.boolean(), other: odd }, { requiredKeys: [] }),
);

describe.each([
  ['a step of a session', sessionStepBody],
  ['a step', stepBody],
])('the reader of %s', (_, schema) => {
  const { read } = plainReaders.get(schema)!;

  it('accepts nothing that the schema refuses, and reads it as the schema does', () => {
    let plain = 0;
    const property = fc.property(body, (sent) => {
      const quick = read(sent);
      if (!quick) return;
      plain++;
      expect(quick).toStrictEqual(schema.parse(sent));
    });
    fc.assert(property, { numRuns: 10_000, seed: 1 });
    expect(plain).toBeGreaterThan(100);
  });

  it('leaves options, other forms, and what is no body, to the schema', () => {
    expect(read({ inputs: numbers(1, 2) })).toBeDefined();
    for (const option of [{ trace: false }, { training: false }, { tensor_format: 'nested' }, { inputs: [[1]] }]) {
      expect(read({ inputs: numbers(1, 2), ...option })).toBeUndefined();
    }
    for (const other of [null, [], 'inputs', new Uint8Array(3), {}]) expect(read(other)).toBeUndefined();
  });
});

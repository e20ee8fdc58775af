import fc from 'fast-check';
import { expect, it } from 'vitest';
import { inferBody } from '../../schemas/oip.ts';
import { checkShape } from '../../src/http/bodies/validation.ts';
import { plainInfer } from '../../src/oip/plain-infer.ts';

const odd = fc.constantFrom(
  ...[
    null,
    '',
    0,
    -1,
    1.5,
    2 ** 31,
    2 ** 53,
    true,
    [],
    {},
    [1.5],
    [-1],
    'x'.repeat(129),
    'x'.repeat(256),
    5n,
    2n ** 64n,
  ],
);
/** Mostly a valid value. */
const mostly = <T>(valid: fc.Arbitrary<T>) => fc.oneof({ weight: 19, arbitrary: valid }, { weight: 1, arbitrary: odd });
const flag = mostly(fc.boolean());
const shape = mostly(fc.array(mostly(fc.nat(5)), { maxLength: 9 }));
const optional = <T extends Record<string, fc.Arbitrary<unknown>>>(fields: T, requiredKeys: (keyof T)[] = []) =>
  mostly(fc.record(fields, { requiredKeys: requiredKeys as never }));
const input = optional(
  {
    name: mostly(fc.constant('inputs')),
    shape,
    datatype: mostly(fc.constant('FP32')),
    data: mostly(fc.constant([1, [2]])),
    parameters: optional({ binary_data_size: mostly(fc.nat()) }),
  },
  ['name', 'shape', 'datatype'],
);
const output = optional({ name: mostly(fc.constant('output')), parameters: optional({ binary_data: flag }) }, ['name']);
const body = fc.record(
  {
    id: mostly(fc.constant('r')),
    model_name: mostly(fc.constant('m')),
    inputs: mostly(fc.array(input, { minLength: 1, maxLength: 2 })),
    outputs: mostly(fc.array(output, { maxLength: 2 })),
    parameters: optional({
      sequence_id: mostly(fc.oneof(fc.nat(), fc.string())),
      sequence_start: flag,
      sequence_end: flag,
      binary_data_output: flag,
      cellstep_idempotency: flag,
    }),
  },
  { requiredKeys: ['inputs'] },
);

it('accepts nothing that the schema refuses, and reads it as the schema does', () => {
  let plain = 0;
  const property = fc.property(body, (sent) => {
    const read = plainInfer(sent);
    if (!read) return;
    plain++;
    expect(read).toEqual(checkShape(inferBody, sent));
  });
  fc.assert(property, { numRuns: 10_000, seed: 1 });
  expect(plain).toBeGreaterThan(1_000);
});

it('leaves every other field, and bodies without inputs, to the schema', () => {
  const inputs = [{ name: 'inputs', shape: [1], datatype: 'FP32' }];
  const others: unknown[] = [
    null,
    [],
    {},
    { inputs: [] },
    { inputs: [{ shape: [1], datatype: 'FP32' }] },
    { inputs, other: 1 },
    { inputs, outputs: [{}] },
    { inputs, parameters: { cellstep_ttl_seconds: 1 } },
    { inputs, parameters: { own: 1 } },
    { inputs: [{ ...inputs[0], parameters: { shared_memory_region: 'r' } }] },
    { inputs, outputs: [{ name: 'output', parameters: { classification: 1 } }] },
  ];
  for (const sent of others) expect(plainInfer(sent), JSON.stringify(sent)).toBeUndefined();
  expect(plainInfer({ inputs })).toEqual({ inputs });
});

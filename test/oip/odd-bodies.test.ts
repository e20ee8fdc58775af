import fc from 'fast-check';
import { afterAll, expect, it } from 'vitest';
import { startApp } from '../support/app.ts';
import { call } from '../support/call.ts';
import { runs } from '../support/runs.ts';

const app = await startApp();
afterAll(() => app.close());
const config = { units: 1 };
const made = await call(app, 'POST', '/v1/cells', { id: 'm', class_name: 'GRUCell', config, input_shape: [null, 1] });
expect(made.status).toBe(201);

const BASE = {
  id: 'r',
  inputs: [{ name: 'inputs', shape: [1, 1], datatype: 'FP32', data: [1], parameters: {} }],
  outputs: [{ name: 'output', parameters: { binary_data: false } }],
  parameters: { sequence_id: 1, sequence_start: true, sequence_end: true, cellstep_idempotency: false },
};

const odd = fc.oneof(
  fc.constantFrom(null, true, -1, 0, 1.5, 2 ** 53, 1e39, '', 'NaN', 'x', [], {}, [[1], [2]], [[]], 'INT64', 'states.0'),
  fc.constantFrom({ binary_data_size: 4 }, { sequence_id: '' }, { toString: 1 }, { __proto__: null, length: 3 }),
  fc.jsonValue({ maxDepth: 3 }),
);

/** A copy with another value at one place, by a path of random choices. */
function changed(value: unknown, choices: readonly number[], other: unknown): unknown {
  const keys = Object.keys(Object(value));
  const [choice, ...rest] = choices;
  if (choice === undefined || keys.length === 0 || typeof value !== 'object') return other;
  const key = keys[choice % keys.length];
  const inner = changed((value as Record<string, unknown>)[key], rest, other);
  return Array.isArray(value) ? value.with(Number(key), inner) : { ...value, [key]: inner };
}

it('answers a request with odd values in any place without a fault, saying what is wrong', async () => {
  const places = fc.array(fc.nat(20), { minLength: 1, maxLength: 4 });
  await fc.assert(
    fc.asyncProperty(places, odd, places, odd, async (one, value, other, second) => {
      const body = changed(changed(BASE, one, value), other, second);
      const { status, body: reply } = await call(app, 'POST', '/v2/models/m/infer', JSON.stringify(body));
      expect(status, JSON.stringify(body)).toBeLessThan(500);
      if (status !== 200) expect(reply.error.length, JSON.stringify(body)).toBeGreaterThan(5);
    }),
    { numRuns: runs(500) },
  );
});

it('refuses an object with a length where a list belongs, on other routes too', async () => {
  const inputs = { length: { toString: 1 } };
  const { status, body } = await call(app, 'POST', '/v2/models/m/infer', { inputs });
  expect([status, body.code]).toEqual([400, 'invalid-request']);
  const cell = { class_name: 'GRUCell', config, input_shape: inputs };
  const refused = await call(app, 'POST', '/v1/cells', cell);
  expect([refused.status, refused.body.code]).toEqual([400, 'invalid-request']);
});

it('answers any bytes, with any length of a JSON part, without a fault', async () => {
  const head = Buffer.from(
    '{"inputs":[{"name":"inputs","shape":[1,1],"datatype":"FP32","parameters":{"binary_data_size":4}}]}',
  );
  const bytes = fc
    .uint8Array({ maxLength: 40 })
    // As with Triton, an answer in JSON has a bare NaN, which JSON.parse does not read.
    .filter((tail) => tail.length < 4 || Number.isFinite(Buffer.from(tail).readFloatLE()))
    .map((tail) => Buffer.concat([head, tail]));
  await fc.assert(
    fc.asyncProperty(bytes, fc.integer({ min: -2, max: 20 }), async (body, more) => {
      const headers = { 'inference-header-content-length': `${head.length + more}` };
      const { status } = await call(app, 'POST', '/v2/models/m/infer', body, headers);
      expect([200, 400]).toContain(status);
    }),
    { numRuns: runs(200) },
  );
});

import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startApp, type TestApp } from '../support/app.ts';
import { call, expectAnyProblem } from '../support/call.ts';
import { accumulator, endless, hiddenInIf, hiddenLstm, nested, tokens } from '../support/onnx-models.ts';

const ONNX = { 'content-type': 'application/x-onnx' };
const FILES = [accumulator(), hiddenInIf(), hiddenLstm(), tokens(), nested(5), endless()];
/** Elements of an axis at most, where a mutation has made it long. */
const LONGEST = 50;

let app: TestApp;
beforeAll(async () => {
  app = await startApp();
});
afterAll(() => app.close());

/** One byte or bit changed, some bytes left out, or some put in. */
const mutation = fc.record({
  at: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
  drop: fc.nat(6),
  put: fc.uint8Array({ maxLength: 3 }),
});

function mutate(bytes: Buffer, { at, drop, put }: { at: number; drop: number; put: Uint8Array }): Buffer {
  const from = Math.floor(at * bytes.length);
  return Buffer.concat([bytes.subarray(0, from), put, bytes.subarray(from + drop)]);
}

interface Edge {
  readonly name: string;
  readonly dtype: string;
  readonly shape: readonly (number | string)[];
}

/** Ones for an input. */
function ones({ dtype, shape: extents }: Edge): object {
  const shape = extents.map((extent) => (typeof extent === 'number' ? Math.min(extent, LONGEST) : 1));
  const size = shape.reduce((product, extent) => product * extent, 1);
  return { shape, dtype, data: new Array(size).fill(dtype === 'bool' ? true : 1) };
}

it('answers damaged graphs with a problem of the client, or steps them', async () => {
  let count = 0;
  let stepped = 0;
  const files = fc.constantFrom(...FILES);
  await fc.assert(
    fc.asyncProperty(files, fc.array(mutation, { maxLength: 3 }), async (file, mutations) => {
      const bytes = mutations.reduce(mutate, Buffer.from(file));
      const id = `f${count++}`;
      const made = await call(app, 'POST', `/v1/cells?graph=true&id=${id}`, bytes, ONNX);
      if (made.status !== 201) return void expect(expectAnyProblem(made).status, made.text).toBe(422);
      const opened = await call(app, 'POST', '/v1/sessions', { id, cell: id });
      if (opened.status !== 201) return void expect(expectAnyProblem(opened).status, opened.text).toBe(422);
      const inputs = made.body.config.inputs as Edge[];
      const named_inputs = Object.fromEntries(inputs.map((input) => [input.name, ones(input)]));
      const step = await call(app, 'POST', `/v1/sessions/${id}/steps`, { named_inputs });
      if (step.status === 200) stepped++;
      else expect(expectAnyProblem(step).status, step.text).toBe(422);
    }),
    { numRuns: 600 },
  );
  expect(stepped).toBeGreaterThan(20);
});

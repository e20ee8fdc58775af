import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startApp, type TestApp } from '../support/app.ts';
import { call, make } from '../support/call.ts';

interface Flat {
  readonly shape: number[];
  readonly data: (number | string)[];
}
interface Case {
  readonly name: string;
  readonly cell: { readonly class_name: string; readonly config: Record<string, unknown> };
  readonly weights: Record<string, Flat>;
  readonly inputs: Flat;
  readonly initial_state: Flat[];
  readonly reference_float64: { readonly outputs: Flat; readonly states: Flat[] };
}

const { cases }: { cases: Case[] } = JSON.parse(
  readFileSync(new URL('../golden/keras_cells.json', import.meta.url), 'utf8'),
);
// Keras sums the cumulative sums over sparsemax' support, so its rows need not sum to 1; cellstep computes the true one.
const SPARSEMAX = 'GRUCell_act_sparsemax';

/** Distance of neighbouring float32 values at this size. */
function float32Ulp(value: number): number {
  return 2 ** (Math.max(Math.floor(Math.log2(Math.abs(value))), -126) - 23);
}

const tolerances = {
  float32: (reference: number) => Math.max(2e-6, 8 * float32Ulp(reference)),
  float64: () => 1e-12,
};

function expectClose(actual: Flat, reference: Flat, dtype: keyof typeof tolerances): void {
  expect(actual.shape).toEqual(reference.shape);
  reference.data.forEach((wanted, i) => {
    const [want, got] = [Number(wanted), Number(actual.data[i])];
    const place = `element ${i} of [${reference.shape}]: ${got} for ${want}`;
    if (Number.isFinite(want)) expect(Math.abs(got - want), place).toBeLessThanOrEqual(tolerances[dtype](want));
    else expect(got, place).toBe(want);
  });
}

/** The decimals of the cases stand for float32 values. */
function asFloat32({ shape, data }: Flat): Flat {
  const round = (value: number | string) => (typeof value === 'number' ? Math.fround(value) : value);
  return { shape, data: data.map(round) };
}

/** The step of a case as a client takes it: the cell with its weights, one step, and the cell is gone. */
async function stepOf(app: TestApp, one: Case, dtype: string, precision: string) {
  const { name, cell, weights, inputs, initial_state } = one;
  const config = dtype === 'float32' ? cell.config : { ...cell.config, dtype };
  const exact = Object.fromEntries(Object.entries(weights).map(([key, value]) => [key, asFloat32(value)]));
  await make(app, '/v1/cells', { id: name, class_name: cell.class_name, config, precision, weights: exact });
  const body = { inputs: asFloat32(inputs), states: initial_state.map(asFloat32), tensor_format: 'flat' };
  const reply = await call(app, 'POST', `/v1/cells/${name}/steps`, body);
  expect(reply.status, reply.text).toBe(200);
  await call(app, 'DELETE', `/v1/cells/${name}`);
  return reply.body;
}

describe("Keras' cells over HTTP", () => {
  let app: TestApp;
  beforeAll(async () => {
    app = await startApp();
  });
  afterAll(() => app.close());

  it('have more than a hundred cases', () => {
    expect(cases.length).toBeGreaterThan(100);
    expect(cases.some(({ name }) => name === SPARSEMAX)).toBe(true);
  });

  describe.each([
    ['float32', 'fast'],
    ['float32', 'exact'],
    ['float64', 'exact'],
  ] as const)('in %s, %s', (dtype, precision) => {
    it.each(cases.filter(({ name }) => name !== SPARSEMAX))('$name', async (one) => {
      const body = await stepOf(app, one, dtype, precision);
      expectClose(body.output, one.reference_float64.outputs, dtype);
      expect(body.states).toHaveLength(one.reference_float64.states.length);
      one.reference_float64.states.forEach((state, i) => {
        expectClose(body.states[i], state, dtype);
      });
      expect(body.output.dtype).toBe(dtype);
    });
  });

  it('differ from Keras in sparsemax, which is wrong there: rows of the candidate sum to 1 here', async () => {
    const one = cases.find(({ name }) => name === SPARSEMAX) as Case;
    await make(app, '/v1/cells', { id: 'true', class_name: 'GRUCell', config: one.cell.config, weights: one.weights });
    const body = { inputs: one.inputs, states: one.initial_state, trace: true, tensor_format: 'flat' };
    const { body: reply } = await call(app, 'POST', '/v1/cells/true/steps', body);
    const { z, r: _, ...rest } = reply.trace;
    const [candidate] = Object.values(rest) as { before: Flat; after: Flat }[];
    const units = candidate.after.shape[1];
    const [before, after] = [candidate.before.data, candidate.after.data].map((data) => data.map(Number));
    const initial = one.initial_state[0].data.map(Number);
    let differs = false;
    for (let start = 0; start < after.length; start += units) {
      const row = before.slice(start, start + units);
      // The Euclidean projection onto the simplex, by bisection of its threshold.
      let [low, high] = [Math.min(...row) - 1, Math.max(...row)];
      for (let i = 0; i < 100; i++) {
        const middle = (low + high) / 2;
        const mass = row.reduce((sum, x) => sum + Math.max(x - middle, 0), 0);
        if (mass > 1) low = middle;
        else high = middle;
      }
      const sum = after.slice(start, start + units).reduce((total, x) => total + x, 0);
      expect(sum).toBeCloseTo(1, 6);
      for (let i = 0; i < units; i++) {
        const at = start + i;
        expect(after[at]).toBeCloseTo(Math.max(row[i] - low, 0), 5);
        const gate = Number(z.after.data[at]);
        const output = gate * initial[at] + (1 - gate) * after[at];
        expect(Number(reply.output.data[at])).toBeCloseTo(output, 5);
        if (Math.abs(output - Number(one.reference_float64.outputs.data[at])) > 1e-3) differs = true;
      }
    }
    expect(differs).toBe(true);
  });
});

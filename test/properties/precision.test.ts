import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Dtype, rounder } from '../../src/domain/tensor.ts';
import { startApp, type TestApp } from '../support/app.ts';
import { runs } from '../support/runs.ts';
import { type AnyCell, simpleCell, withRun } from './arbitrary-cells.ts';
import { Client } from './client.ts';
import { at, type Flat, rounded } from './flat.ts';

/** The same cell of another dtype, computed exactly. */
function ofDtype({ body, features }: AnyCell, dtype: string) {
  return { body: { ...body, precision: 'exact' as const, config: { ...body.config, dtype } }, features };
}

/** The values that the decimals of a narrow dtype stand for, in nested arrays. */
function exactly(dtype: Dtype, weights: Record<string, unknown>): Record<string, unknown> {
  const round = rounder(dtype);
  const deep = (values: unknown): unknown => (Array.isArray(values) ? values.map(deep) : round(Number(values)));
  return Object.fromEntries(Object.entries(weights).map(([name, values]) => [name, deep(values)]));
}

describe('the result of a narrow dtype', () => {
  let app: TestApp;
  let client: Client;
  beforeAll(async () => {
    app = await startApp();
    client = new Client(app);
  });
  afterAll(() => app.close());

  it('is, after a step, the float64 result of the same weights and states, rounded once', async () => {
    const dtypes = fc.constantFrom<Dtype[]>('float32', 'float16', 'bfloat16');
    await fc.assert(
      fc.asyncProperty(withRun(simpleCell, { minTime: 1 }), dtypes, async ({ cell, run }, dtype) => {
        const narrow = await client.cell(ofDtype(cell, dtype));
        const wide = await client.cell(ofDtype(cell, 'float64'), exactly(dtype, await client.weights(narrow)));
        const [x, states] = [rounded(dtype, at(run.inputs, 1, 0)), run.initial.map((state) => rounded(dtype, state))];
        const [own, exact] = [await client.step(narrow, x, states), await client.step(wide, x, states)];
        expect(own.outputs).toEqual(exact.outputs.map((output) => rounded(dtype, output)));
        expect(own.states).toEqual(exact.states.map((state) => rounded(dtype, state)));
      }),
      { numRuns: runs(120) },
    );
  });

  it.each(['exact', 'fast'] as const)(
    'stays within an error of a few ulps a step in float32, in cells that forget: %s',
    async (precision) => {
      // A state enters with a factor below 1, so an error does not grow; states stay below 8 in size.
      const forgetting = simpleCell.map(({ body, ...cell }) => {
        const small = { class_name: 'RandomUniform', config: { minval: -0.15, maxval: 0.15, seed: 7 } };
        const gates = body.class_name === 'SimpleRNNCell' ? {} : { recurrent_activation: 'sigmoid' };
        const config = { ...body.config, ...gates, activation: 'tanh', recurrent_initializer: small };
        return { ...cell, body: { ...body, config } };
      });
      const finite = ({ data }: Flat) => data.every((value) => Math.abs(Number(value)) <= 2);
      await fc.assert(
        fc.asyncProperty(withRun(forgetting), async ({ cell, run: { inputs, initial, mask } }) => {
          fc.pre(finite(inputs) && initial.every(finite));
          const options = mask ? { mask } : {};
          const narrow = await client.cell({ ...cell, body: { ...ofDtype(cell, 'float32').body, precision } });
          const wide = await client.cell(ofDtype(cell, 'float64'), exactly('float32', await client.weights(narrow)));
          const own = await client.sequence(narrow, inputs, initial, options);
          const exact = await client.sequence(wide, inputs, initial, options);
          const results = [...own.outputs, ...own.states].flatMap(({ data }) => data.map(Number));
          const wanted = [...exact.outputs, ...exact.states].flatMap(({ data }) => data.map(Number));
          const error = Math.max(0, ...results.map((value, i) => Math.abs(value - wanted[i])));
          expect(error).toBeLessThan(2e-6);
        }),
        { numRuns: runs(80) },
      );
    },
  );
});

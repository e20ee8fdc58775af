import { describe, expect, it } from 'vitest';
import type { Dtype } from '../../src/domain/tensor.ts';
import { call, make } from '../support/call.ts';
import { sharedApp } from '../support/serve.ts';
import { readGolden } from './compare.ts';

const served = sharedApp();

type Nested = number | readonly Nested[];

interface Called {
  readonly dtype: Dtype;
  readonly output: Nested;
  readonly states: readonly Nested[];
}

interface Case {
  readonly name: string;
  readonly layer: { readonly class_name: string; readonly config: Record<string, unknown> };
  readonly weights: readonly Nested[];
  readonly plain: Called;
  readonly masked: Called | null;
}

const { inputs, mask, cases } = readGolden<{ inputs: Nested; mask: Nested; cases: Case[] }>('mixed_dtypes.json');

/** A few roundings of the narrowest dtype in a case: TensorFlow rounds each operation to it, this service once a step. */
const TOLERANCE = [
  [/bfloat16/, 6e-2],
  [/float16/, 8e-3],
  [/float32/, 2e-6],
] as const;

const flat = (nested: Nested): number[] => (typeof nested === 'number' ? [nested] : nested.flatMap(flat));

function expectNear(got: Nested, wanted: Nested, most: number, what: string): void {
  const [values, expected] = [flat(got), flat(wanted)];
  expect(values.length, what).toBe(expected.length);
  for (const [k, value] of values.entries()) expect(Math.abs(value - expected[k]), `${what}[${k}]`).toBeLessThan(most);
}

describe('layers of Keras around cells of another dtype', () => {
  it('has cases', () => {
    expect(cases.length).toBe(50);
  });

  it.each(cases)('$name', async ({ name, layer, weights, plain, masked }) => {
    const { app } = served;
    await make(app, '/v1/cells', { id: 'layer', ...layer, input_shape: [null, 3] });
    const { body: variables } = await call(app, 'GET', '/v1/cells/layer/variables');
    const names = variables.items.map((variable: { name: string }) => variable.name);
    const named = Object.fromEntries(weights.map((values, k) => [names[k], values]));
    expect((await call(app, 'PUT', '/v1/cells/layer/weights', { weights: named })).status).toBe(200);
    const tolerance = TOLERANCE.find(([dtype]) => dtype.test(name))![1];
    for (const [wanted, more] of [
      [plain, {}],
      [masked, { mask }],
    ] as const) {
      if (!wanted) continue;
      const [nested, bytes] = await Promise.all(
        ['nested', 'base64'].map((tensor_format) =>
          call(app, 'POST', '/v1/cells/layer/sequences', { inputs, ...more, tensor_format }),
        ),
      );
      expect(bytes.body.output.dtype).toBe(wanted.dtype);
      expectNear(nested.body.output, wanted.output, tolerance, 'output');
      expect(nested.body.states.length).toBe(wanted.states.length);
      for (const [k, state] of wanted.states.entries()) {
        expectNear(nested.body.states[k], state, tolerance, `states[${k}]`);
      }
    }
  });
});

import { describe, expect, it } from 'vitest';
import { sharedApp } from '../support/serve.ts';
import { asRequest, expectClose, type FlatTensor, type GoldenTensor, readGolden } from './compare.ts';

const served = sharedApp();

type States = readonly (GoldenTensor | readonly GoldenTensor[])[];

interface Call {
  readonly inputs: GoldenTensor;
  readonly mask: { readonly shape: readonly number[]; readonly data: readonly (number | boolean)[] } | null;
  readonly initial_state: States | null;
  readonly states: States;
  readonly reference_float64: { readonly outputs: GoldenTensor; readonly states: States };
  readonly reset_state_before?: boolean;
}

interface Case extends Call {
  readonly name: string;
  readonly layer: { readonly class_name: string; readonly config: Record<string, unknown> };
  readonly weights: Record<string, GoldenTensor>;
  readonly calls?: readonly Call[];
}

const { cases } = readGolden<{ cases: Case[] }>('keras_sequences.json');

/** Keras nests the states of a stack by cell; cellstep lists them flat, cell 0 first. */
function flat(states: States): GoldenTensor[] {
  return states.flat() as GoldenTensor[];
}

describe.each(['fast', 'exact'] as const)('sequences of Keras layers, over HTTP: %s', (precision) => {
  it('has cases', () => {
    expect(cases.length).toBeGreaterThanOrEqual(39);
  });

  it.each(cases)('$name', async ({ layer, weights, calls, ...only }) => {
    const { app } = served;
    const given = Object.fromEntries(Object.entries(weights).map(([name, tensor]) => [name, asRequest(tensor)]));
    const body = { precision, id: 'layer', ...layer, weights: given };
    const made = await app.inject({ method: 'POST', url: '/v1/cells', payload: body });
    expect(made.json(), made.body).toMatchObject({ built: true, config: layer.config });
    let carried: FlatTensor[] | undefined;
    for (const call of calls ?? [only]) {
      if (call.reset_state_before) carried = undefined;
      const initial = call.initial_state ? flat(call.initial_state).map(asRequest) : carried;
      const payload = {
        inputs: asRequest(call.inputs),
        ...(call.mask ? { mask: { shape: call.mask.shape, data: call.mask.data } } : {}),
        ...(initial ? { initial_state: initial } : {}),
        tensor_format: 'flat',
      };
      const reply = await app.inject({ method: 'POST', url: '/v1/cells/layer/sequences', payload });
      expect(reply.statusCode, reply.body).toBe(200);
      const { output, states } = reply.json<{ output: FlatTensor; states: FlatTensor[] }>();
      expectClose(output, call.reference_float64.outputs, 'output');
      flat(call.reference_float64.states).forEach((state, i) => {
        expectClose(states[i], state, `state ${i}`);
      });
      carried = states;
    }
  });
});

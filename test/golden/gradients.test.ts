import { describe, expect, it } from 'vitest';
import { sharedApp } from '../support/serve.ts';
import { asRequest, expectClose, type FlatTensor, type GoldenTensor, readGolden } from './compare.ts';

const served = sharedApp();

interface Gradients {
  readonly inputs: GoldenTensor;
  readonly initial_state: readonly GoldenTensor[];
  readonly [variable: string]: GoldenTensor | readonly GoldenTensor[];
}

interface Case {
  readonly name: string;
  readonly layer: { readonly class_name: string; readonly config: Record<string, unknown> };
  readonly weights: Record<string, GoldenTensor>;
  readonly inputs: GoldenTensor;
  readonly mask: GoldenTensor | null;
  readonly initial_state: readonly GoldenTensor[];
  readonly cotangent: GoldenTensor;
  readonly reference_float64: {
    readonly outputs: GoldenTensor;
    readonly loss: number;
    readonly gradients: Gradients;
  };
}

const { cases } = readGolden<{ cases: Case[] }>('gradients.json');

describe('gradients of Keras layers, over HTTP', () => {
  it('has cases', () => {
    expect(cases.length).toBeGreaterThanOrEqual(10);
  });

  it.each(cases)('$name', async (golden) => {
    const { app } = served;
    const weights = Object.fromEntries(Object.entries(golden.weights).map(([name, w]) => [name, asRequest(w)]));
    const made = await app.inject({ method: 'POST', url: '/v1/cells', payload: { id: 'l', ...golden.layer, weights } });
    expect(made.statusCode, made.body).toBe(201);
    const payload = {
      inputs: asRequest(golden.inputs),
      initial_state: golden.initial_state.map(asRequest),
      ...(golden.mask ? { mask: asRequest(golden.mask) } : {}),
      cotangent: asRequest(golden.cotangent),
      tensor_format: 'flat',
    };
    const reply = await app.inject({ method: 'POST', url: '/v1/cells/l/gradients', payload });
    expect(reply.statusCode, reply.body).toBe(200);
    const { output, objective, loss, gradients } = reply.json<{
      output: FlatTensor;
      objective: number;
      loss: number;
      gradients: { inputs: FlatTensor; initial_state: FlatTensor[]; [name: string]: FlatTensor | FlatTensor[] };
    }>();
    const { reference_float64: reference } = golden;
    expectClose(output, reference.outputs, 'output');
    expect(objective).toBeCloseTo(reference.loss, 5);
    expect(loss).toBe(objective);
    reference.gradients.initial_state.forEach((state, i) => {
      expectClose(gradients.initial_state[i], state, `initial_state ${i}`);
    });
    for (const [name, tensor] of Object.entries(reference.gradients)) {
      if (name !== 'initial_state') expectClose(gradients[name] as FlatTensor, tensor as GoldenTensor, name);
    }
  });
});

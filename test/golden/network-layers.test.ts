import { describe, expect, it } from 'vitest';
import { sharedApp } from '../support/serve.ts';
import { asRequest, expectClose, type FlatTensor, type GoldenTensor, readGolden, requestTensors } from './compare.ts';

const served = sharedApp();

/** Made by make_networks.py. */
interface Case {
  readonly name: string;
  readonly model: { readonly class_name: string; readonly config: Record<string, unknown> };
  readonly weights: Record<string, GoldenTensor>;
  readonly inputs: GoldenTensor;
  readonly outputs: GoldenTensor;
  readonly causal: boolean;
  readonly steps: GoldenTensor | null;
  readonly cotangent: GoldenTensor;
  readonly gradients: Record<string, GoldenTensor>;
}

const { cases } = readGolden<{ cases: Case[] }>('networks/layers.json');
/** Keras' own float32 is the reference here, and is itself off by so much. */
const TOLERANCE = 2e-5;

async function startWith({ model, weights }: Case, precision: string) {
  const { app } = served;
  const payload = { precision, id: 'network', ...model, weights: requestTensors(weights) };
  const made = await app.inject({ method: 'POST', url: '/v1/cells', payload });
  expect(made.statusCode, made.body).toBe(201);
  expect(made.json().config).toEqual(model.config);
  return app;
}

describe.each(['fast', 'exact'] as const)('layers of Keras in networks, over HTTP: %s', (precision) => {
  it('has cases', () => {
    expect(cases.length).toBeGreaterThanOrEqual(21);
  });

  it.each(cases)('runs $name', async (one) => {
    const app = await startWith(one, precision);
    const payload = { inputs: asRequest(one.inputs), tensor_format: 'flat' };
    const reply = await app.inject({ method: 'POST', url: '/v1/cells/network/sequences', payload });
    expect(reply.statusCode, reply.body).toBe(200);
    expectClose(reply.json<{ output: FlatTensor }>().output, one.outputs, 'output', TOLERANCE);
  });

  it.each(cases.filter(({ steps }) => steps))('steps $name', async (one) => {
    const app = await startWith(one, precision);
    const [batch, time, ...dims] = one.inputs.shape;
    await app.inject({ method: 'POST', url: '/v1/sessions', payload: { id: 's', cell: 'network', batch_size: batch } });
    const width = dims.reduce((size, extent) => size * extent, 1);
    const steps = one.steps as GoldenTensor;
    const perStep = steps.data.length / (batch * time);
    for (let t = 0; t < time; t++) {
      const rows = (data: readonly (number | string)[], size: number) =>
        Array.from({ length: batch }, (_, row) =>
          data.slice((row * time + t) * size, (row * time + t + 1) * size),
        ).flat();
      const payload = {
        inputs: { shape: [batch, ...dims], data: rows(one.inputs.data, width) },
        tensor_format: 'flat',
      };
      const reply = await app.inject({ method: 'POST', url: '/v1/sessions/s/steps', payload });
      expect(reply.statusCode, reply.body).toBe(200);
      const expected = { shape: [batch, ...steps.shape.slice(2)], data: rows(steps.data, perStep) };
      expectClose(reply.json<{ output: FlatTensor }>().output, expected, `step ${t}`, TOLERANCE);
    }
  });
});

describe('gradients of networks, over HTTP', () => {
  it.each(cases)('$name', async (one) => {
    const app = await startWith(one, 'fast');
    const payload = { inputs: asRequest(one.inputs), cotangent: asRequest(one.cotangent), tensor_format: 'flat' };
    const reply = await app.inject({ method: 'POST', url: '/v1/cells/network/gradients', payload });
    expect(reply.statusCode, reply.body).toBe(200);
    const { gradients } = reply.json<{ gradients: Record<string, FlatTensor> }>();
    const names = Object.keys(gradients).filter((name) => !['inputs', 'initial_state'].includes(name));
    expect(names.toSorted()).toEqual(
      Object.keys(one.gradients)
        .filter((name) => name !== 'inputs')
        .toSorted(),
    );
    for (const [name, expected] of Object.entries(one.gradients)) {
      expectClose(gradients[name], expected, name, 1e-4);
    }
  });
});

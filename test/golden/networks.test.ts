import { describe, expect, it } from 'vitest';
import { sharedApp } from '../support/serve.ts';
import { asRequest, expectClose, type FlatTensor, type GoldenTensor, readGolden, requestTensors } from './compare.ts';

const served = sharedApp();

interface Case {
  readonly name: string;
  readonly model: { readonly class_name: string; readonly config: Record<string, unknown> };
  readonly weights: Record<string, GoldenTensor>;
  readonly inputs: GoldenTensor;
  readonly outputs: GoldenTensor;
  /** Whether the network looks back only. */
  readonly causal: boolean;
  readonly reference_float64?: { readonly outputs: GoldenTensor };
  /** The output after each prefix, [batch, time, …]. */
  readonly steps?: GoldenTensor;
}

const { cases } = readGolden<{ cases: Case[] }>('networks/cases.json');
/** Of a whole network; of one whose layers have half precision, two units in the last place of bfloat16 at 1. */
const toleranceOf = ({ reference_float64 }: Case) => (reference_float64 ? 4e-6 : 2 ** -6);
const reference = ({ outputs, reference_float64 }: Case) => reference_float64?.outputs ?? outputs;

async function startWith({ model, weights }: Case, precision: string) {
  const { app } = served;
  const payload = { precision, id: 'network', ...model, weights: requestTensors(weights) };
  const made = await app.inject({ method: 'POST', url: '/v1/cells', payload });
  expect(made.statusCode, made.body).toBe(201);
  return { app, made: made.json() };
}

/** all[:, t] of [batch, time, …]. */
function atStep({ shape: [batch, time, ...rest], data }: GoldenTensor, t: number): GoldenTensor {
  const width = rest.reduce((size, extent) => size * extent, 1);
  const rows = Array.from({ length: batch }, (_, row) =>
    data.slice((row * time + t) * width, (row * time + t + 1) * width),
  );
  return { shape: [batch, ...rest], data: rows.flat() };
}

describe.each(['fast', 'exact'] as const)('networks of Keras, over HTTP: %s', (precision) => {
  it('has cases', () => {
    expect(cases.length).toBeGreaterThanOrEqual(21);
  });

  it.each(cases)('runs $name over a sequence', async (one) => {
    const { app, made } = await startWith(one, precision);
    expect(made).toMatchObject({ built: true, config: one.model.config });
    expect(made.variables.map(({ name }: { name: string }) => name)).toEqual(Object.keys(one.weights));
    const payload = { inputs: asRequest(one.inputs), tensor_format: 'flat' };
    const reply = await app.inject({ method: 'POST', url: '/v1/cells/network/sequences', payload });
    expect(reply.statusCode, reply.body).toBe(200);
    expectClose(reply.json<{ output: FlatTensor }>().output, reference(one), 'output', toleranceOf(one));
  });

  it.each(cases.filter(({ causal }) => causal))('steps $name in a session, one step at a time', async (one) => {
    const { app } = await startWith(one, precision);
    const [batch, time] = one.inputs.shape;
    const opened = await app.inject({
      method: 'POST',
      url: '/v1/sessions',
      payload: { id: 's', cell: 'network', batch_size: batch },
    });
    expect(opened.statusCode, opened.body).toBe(201);
    const whole = reference(one);
    const perStep = one.steps ?? (whole.shape.length > 2 ? whole : undefined);
    let last: FlatTensor | undefined;
    for (let t = 0; t < time; t++) {
      const payload = { inputs: asRequest(atStep(one.inputs, t)), tensor_format: 'flat' };
      const reply = await app.inject({ method: 'POST', url: '/v1/sessions/s/steps', payload });
      expect(reply.statusCode, reply.body).toBe(200);
      last = reply.json<{ output: FlatTensor }>().output;
      if (perStep) expectClose(last, atStep(perStep, t), `step ${t}`, toleranceOf(one));
    }
    expectClose(
      last as FlatTensor,
      whole.shape.length > 2 ? atStep(whole, time - 1) : whole,
      'the last step',
      toleranceOf(one),
    );
  });

  it.each(cases.filter(({ causal }) => !causal))('has no single step of $name', async (one) => {
    const { app } = await startWith(one, precision);
    const payload = { inputs: asRequest(atStep(one.inputs, 0)) };
    const reply = await app.inject({ method: 'POST', url: '/v1/cells/network/steps', payload });
    expect([reply.statusCode, reply.json().code]).toEqual([409, 'no-single-step']);
  });
});

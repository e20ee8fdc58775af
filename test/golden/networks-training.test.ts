import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startApp, type TestApp } from '../support/app.ts';
import { call } from '../support/call.ts';
import { asRequest, type GoldenTensor, readGolden, requestTensors } from './compare.ts';

interface TrainingCase {
  readonly name: string;
  readonly model: object;
  readonly weights: Record<string, GoldenTensor>;
  readonly inputs: GoldenTensor;
  readonly targets: GoldenTensor;
  readonly loss: object;
  readonly optimizer: object;
  readonly losses: readonly number[];
  readonly weights_after: Record<string, GoldenTensor>;
}

const cases = ['networks_training', 'activity'].flatMap(
  (name) => readGolden<{ cases: TrainingCase[] }>(`training/${name}.json`).cases,
);

let app: TestApp;
beforeAll(async () => {
  app = await startApp();
});
afterAll(() => app.close());

describe.each(['fast', 'exact'])('networks that learn as in Keras, %s', (precision) => {
  it.each(cases)('$name', async ({ name, model, weights, inputs, targets, loss, optimizer, losses, weights_after }) => {
    const id = `${name}-${precision}`;
    const { module, registered_name, compile_config, ...network } = model as Record<string, unknown>;
    const made = await call(app, 'POST', '/v1/cells', { id, ...network, precision, weights: requestTensors(weights) });
    expect(made.status, made.text).toBe(201);
    const body = { inputs: asRequest(inputs), targets: asRequest(targets), loss, optimizer, repeat: losses.length };
    const trained = await call(app, 'POST', `/v1/cells/${id}/training_steps`, body);
    expect(trained.status, trained.text).toBe(200);
    for (const [k, expected] of losses.entries())
      expect(Math.abs(trained.body.losses[k] / expected - 1), `loss ${k}`).toBeLessThan(2e-5);
    const { body: after } = await call(app, 'GET', `/v1/cells/${id}/weights`);
    for (const [variable, { data }] of Object.entries(weights_after)) {
      ([after.weights[variable]].flat(4) as number[]).forEach((value, i) => {
        expect(Math.abs(value - Number(data[i])), `${variable}[${i}]`).toBeLessThan(1e-4);
      });
    }
  });
});

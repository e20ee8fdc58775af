import { beforeEach, describe, expect, it } from 'vitest';
import { asRequest, expectClose, type GoldenTensor, readGolden, requestTensors } from '../golden/compare.ts';
import { startApp, type TestApp } from '../support/app.ts';
import { call, expectProblem, make } from '../support/call.ts';
import { sharedApp } from '../support/serve.ts';

describe('training', () => {
  let app: TestApp;
  const served = sharedApp();
  beforeEach(async () => {
    ({ app } = served);
  });

  const dropping = { units: 3, dropout: 0.5, recurrent_dropout: 0.25 };

  it("draws from the request's seed, or else from the config's", async () => {
    const config = { ...dropping, seed: 42, kernel_initializer: 'ones' };
    await make(app, '/v1/cells', { id: 'gru', class_name: 'GRUCell', config, input_shape: [null, 4] });
    const run = async (more: object) =>
      (await call(app, 'POST', '/v1/cells/gru/steps', { inputs: [[1, 2, 3, 4]], ...more })).body.output;
    const trained = await run({ training: true });
    expect(trained).toEqual(await run({ training: true, seed: 42 }));
    expect(trained).not.toEqual(await run({ training: true, seed: 43 }));
    expect(trained).not.toEqual(await run({}));
  });

  it('needs a seed if the config has no seed', async () => {
    await make(app, '/v1/cells', { id: 'gru', class_name: 'GRUCell', config: dropping });
    for (const [path, inputs] of [
      ['steps', [[1]]],
      ['sequences', [[[1]]]],
    ]) {
      const reply = await call(app, 'POST', `/v1/cells/gru/${path}`, { inputs, training: true });
      expect(expectProblem(reply, 'invalid-request', /Send seed/).errors?.[0].pointer).toBe('/seed');
    }
    expect((await call(app, 'GET', '/v1/cells/gru')).body.built).toBe(false);
  });

  it("takes PyTorch's dropout where there is a single layer, which it does nothing to", async () => {
    const config = { input_size: 1, hidden_size: 2, dropout: 0.5 };
    const torch = { framework: 'pytorch', class_name: 'GRU' };
    await make(app, '/v1/cells', { id: 'one', ...torch, config });
    await make(app, '/v1/cells', { id: 'two', ...torch, config: { ...config, num_layers: 2 } });
    const body = { inputs: [[[1]]], training: true, seed: 1 };
    expect((await call(app, 'POST', '/v1/cells/one/sequences', body)).status).toBe(200);
    expectProblem(await call(app, 'POST', '/v1/cells/two/sequences', body), 'invalid-value', /between layers/);
  });
});

interface Composite {
  readonly name: string;
  readonly class_name: string;
  readonly config: Record<string, unknown>;
  readonly weights: Record<string, GoldenTensor>;
  readonly inputs: GoldenTensor;
  readonly outputs: GoldenTensor;
}

describe('training of composites', () => {
  const { cases } = readGolden<{ cases: Composite[] }>('composite_training.json');

  it.each(cases)(
    'draws from the seed of each cell: $name',
    async ({ class_name, config, weights, inputs, outputs }) => {
      const app = await startApp();
      await make(app, '/v1/cells', { id: 'it', class_name, config, weights: requestTensors(weights) });
      const body = { inputs: asRequest(inputs), training: true, tensor_format: 'flat' };
      const reply = await call(app, 'POST', '/v1/cells/it/sequences', body);
      expectClose(reply.body.output, outputs, 'output');
      const { body: other } = await call(app, 'POST', '/v1/cells/it/sequences', { ...body, seed: 1 });
      expect(other.output).not.toEqual(reply.body.output);
      await app.close();
    },
  );

  it('needs a seed if a cell with dropout lacks one, and not without dropout', async () => {
    const app = await startApp();
    const cell = (config: object) => ({
      module: 'keras.layers',
      class_name: 'GRUCell',
      config: { units: 2, ...config },
    });
    const stack = (...cells: object[]) => ({
      class_name: 'StackedRNNCells',
      config: { cells },
      input_shape: [null, 1],
    });
    await make(app, '/v1/cells', { id: 'one', ...stack(cell({ dropout: 0.5, seed: 1 }), cell({ dropout: 0.5 })) });
    await make(app, '/v1/cells', { id: 'none', ...stack(cell({}), cell({})) });
    const body = { inputs: [[1]], training: true };
    expectProblem(await call(app, 'POST', '/v1/cells/one/steps', body), 'invalid-request', /Send seed/);
    expect((await call(app, 'POST', '/v1/cells/one/steps', { ...body, seed: 3 })).status).toBe(200);
    const plain = await call(app, 'POST', '/v1/cells/none/steps', { inputs: [[1]] });
    expect((await call(app, 'POST', '/v1/cells/none/steps', body)).body).toEqual(plain.body);
    await app.close();
  });
});

describe('gradients of a single step', () => {
  it('equal a sequence of one step, without the time axis', async () => {
    const app = await startApp();
    const cells = [
      { id: 'keras', class_name: 'LSTMCell', config: { units: 2 }, input_shape: [null, 3] },
      { id: 'torch', framework: 'pytorch', class_name: 'GRUCell', config: { input_size: 3, hidden_size: 2 } },
    ];
    for (const cell of cells) {
      await make(app, '/v1/cells', cell);
      const url = `/v1/cells/${cell.id}/gradients`;
      const step = (await call(app, 'POST', url, { inputs: [[1, 2, 3]], cotangent: [[1, -1]] })).body;
      const run = (await call(app, 'POST', url, { inputs: [[[1, 2, 3]]], cotangent: [[[1, -1]]] })).body;
      expect([step.output]).toEqual([run.output[0]]);
      expect(step.gradients).toEqual({ ...run.gradients, inputs: run.gradients.inputs[0] });
      expect(step.objective).toBe(run.objective);
    }
    await app.close();
  });
});

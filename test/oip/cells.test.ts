import { afterEach, describe, expect, it } from 'vitest';
import { startApp, type TestApp } from '../support/app.ts';
import { call } from '../support/call.ts';

const apps: TestApp[] = [];
afterEach(async () => {
  for (const app of apps.splice(0)) await app.close();
});

async function withCell(cell: object, options = {}): Promise<TestApp> {
  const app = await startApp(options);
  apps.push(app);
  const made = await call(app, 'POST', '/v1/cells', { id: 'm', ...cell });
  expect(made.status, made.text).toBe(201);
  return app;
}

async function infer(app: TestApp, inputs: readonly object[], parameters = {}) {
  return call(app, 'POST', '/v2/models/m/infer', { inputs, parameters });
}

const FIXED = { kernel_initializer: 'ones', recurrent_initializer: 'ones' };

describe('a model', () => {
  it.each([
    ['float64', 'FP64', 0.1, 0.1],
    ['float16', 'FP16', 1.5, 1.5],
    ['bfloat16', 'BF16', 1.5, 1.5],
  ])('of %s takes and gives %s', async (dtype, datatype, sent, got) => {
    const config = { units: 1, activation: null, dtype, ...FIXED };
    const app = await withCell({ class_name: 'SimpleRNNCell', config, input_shape: [null, 1] });
    const { body } = await infer(app, [{ name: 'inputs', shape: [1, 1], datatype, data: [sent] }]);
    expect(body.outputs[0]).toMatchObject({ datatype, shape: [1, 1] });
    expect(body.outputs[0].data[0]).toBeCloseTo(got, 4);
  });

  it('has the two states of an LSTM, which a client may carry or leave out', async () => {
    const app = await withCell({ class_name: 'LSTMCell', config: { units: 2 }, input_shape: [null, 3] });
    const x = { name: 'inputs', shape: [1, 3], datatype: 'FP32', data: [1, 2, 3] };
    const { body: first } = await infer(app, [x]);
    expect(first.outputs.map(({ name }: { name: string }) => name)).toEqual(['output', 'states.0', 'states.1']);
    const carried = first.outputs.slice(1);
    const { body: second } = await infer(app, [x, ...carried]);
    await infer(app, [x], { sequence_id: 1, sequence_start: true });
    const { body: stepped } = await infer(app, [x], { sequence_id: 1 });
    expect(stepped.outputs).toEqual(second.outputs);
    const { body: sequence } = await infer(app, [{ ...x, shape: [1, 2, 3], data: [1, 2, 3, 1, 2, 3] }]);
    expect(sequence.outputs[2].data).toEqual(second.outputs[2].data);
  });

  it('that is not built is built by the first request of a sequence', async () => {
    const config = { units: 1, activation: null, use_bias: false, ...FIXED };
    const app = await withCell({ class_name: 'SimpleRNNCell', config });
    expect((await call(app, 'GET', '/v2/models/m')).body.inputs[0].shape).toEqual([-1, -1]);
    const x = { name: 'inputs', shape: [1, 2], datatype: 'FP32', data: [1, 2] };
    expect((await infer(app, [x], { sequence_id: 1, sequence_start: true })).body.outputs[0].data).toEqual([3]);
    expect((await infer(app, [x], { sequence_id: 1 })).body.outputs[0].data).toEqual([6]);
    expect((await call(app, 'GET', '/v2/models/m')).body.inputs[0].shape).toEqual([-1, 2]);
  });

  it.each(['INT32', 'INT64'])('that begins with an embedding takes token ids as %s', async (datatype) => {
    const layers = [
      { class_name: 'InputLayer', config: { batch_shape: [null, null], dtype: 'int32' } },
      { class_name: 'Embedding', config: { input_dim: 4, output_dim: 2 } },
      { class_name: 'GRU', config: { units: 3 } },
    ];
    const app = await withCell({ class_name: 'Sequential', config: { layers } });
    const [inputs] = (await call(app, 'GET', '/v2/models/m')).body.inputs;
    expect(inputs).toEqual({ name: 'inputs', datatype: 'INT32', shape: [-1] });
    const { body } = await infer(app, [{ name: 'inputs', shape: [2], datatype, data: [1, 3] }]);
    expect(body.outputs[0].shape).toEqual([2, 3]);
    const wrong = await infer(app, [{ name: 'inputs', shape: [1], datatype, data: [1.5] }]);
    expect(wrong.body).toMatchObject({ status: 400, error: expect.stringContaining('1.5') });
  });

  it('of PyTorch takes time first, as it does there', async () => {
    const app = await withCell({
      framework: 'pytorch',
      class_name: 'GRU',
      config: { input_size: 1, hidden_size: 2 },
    });
    const x = { name: 'inputs', shape: [3, 2, 1], datatype: 'FP32', data: [1, 2, 3, 4, 5, 6] };
    expect((await infer(app, [x])).body.outputs[0].shape).toEqual([3, 2, 2]);
    await infer(app, [x], { sequence_id: 'two rows', sequence_start: true });
    expect((await infer(app, [x], { sequence_id: 'two rows' })).body.outputs[0].shape).toEqual([3, 2, 2]);
  });

  it('of two directions takes sequences, and no sequence of requests', async () => {
    const layer = { class_name: 'GRU', config: { units: 2, return_sequences: true } };
    const app = await withCell({ class_name: 'Bidirectional', config: { layer }, input_shape: [null, null, 1] });
    const x = { name: 'inputs', shape: [1, 2, 1], datatype: 'FP32', data: [1, 2] };
    const { body } = await infer(app, [x]);
    expect(body.outputs[0].shape).toEqual([1, 2, 4]);
    expect((await call(app, 'GET', '/v2/models/m')).body.inputs[0].shape).toEqual([-1, -1, 1]);
    expect((await infer(app, [x], { sequence_id: 1, sequence_start: true })).body.code).toBe('no-single-step');
  });

  it('is asked for with a key, where the service has keys', async () => {
    const app = await startApp({ apiKeys: ['k'.repeat(16)] });
    apps.push(app);
    expect((await call(app, 'GET', '/v2/health/ready')).status).toBe(200);
    for (const [method, path] of [
      ['GET', '/v2'],
      ['GET', '/v2/models/m'],
      ['POST', '/v2/models/m/infer'],
      ['POST', '/v2/repository/index'],
    ] as const) {
      const { status, body } = await call(app, method, path);
      expect([status, body.code, body.error], path).toEqual([401, 'unauthorized', body.detail]);
    }
  });

  it('that was deleted ends its sequences', async () => {
    const app = await withCell({ class_name: 'GRUCell', config: { units: 1 }, input_shape: [null, 1] });
    const x = { name: 'inputs', shape: [1, 1], datatype: 'FP32', data: [1] };
    await infer(app, [x], { sequence_id: 1, sequence_start: true });
    expect((await call(app, 'DELETE', '/v1/cells/m')).body.code).toBe('in-use');
    expect((await call(app, 'DELETE', '/v1/cells/m?force=true')).status).toBe(204);
    await call(app, 'POST', '/v1/cells', { id: 'm', class_name: 'GRUCell', config: { units: 1 } });
    expect((await infer(app, [x], { sequence_id: 1 })).body).toMatchObject({ status: 409, code: 'cell-gone' });
    expect((await infer(app, [x], { sequence_id: 1, sequence_start: true })).status).toBe(200);
  });

  it('counts each of many requests of one sequence that come at once', async () => {
    const config = { units: 1, activation: null, use_bias: false, ...FIXED };
    const app = await withCell({ class_name: 'SimpleRNNCell', config, input_shape: [null, 1] });
    const x = { name: 'inputs', shape: [1, 1], datatype: 'FP32', data: [1] };
    await infer(app, [x], { sequence_id: 1, sequence_start: true });
    const replies = await Promise.all(Array.from({ length: 20 }, () => infer(app, [x], { sequence_id: 1 })));
    const sums = replies.map(({ body }) => body.outputs[0].data[0]).sort((a, b) => a - b);
    expect(sums).toEqual(Array.from({ length: 20 }, (_, i) => i + 2));
  });
});

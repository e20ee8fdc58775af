import { expect, it } from 'vitest';
import { call, make } from '../support/call.ts';
import { onMemory } from '../support/serve.ts';

const layer = (class_name: string, config: object = {}) => ({ class_name, config });
const filled = (...shape: number[]) => ({
  shape,
  data: Array.from({ length: shape.reduce((size, extent) => size * extent, 1) }, (_, k) => Math.sin(k)),
});

/** A Sequential model over [batch, time, features]. */
const network = (id: string, layers: object[], features = 2) => ({
  id,
  class_name: 'Sequential',
  config: { layers: [layer('InputLayer', { batch_shape: [null, null, features] }), ...layers] },
});

const dense = layer('Dense', { units: 2, bias_initializer: 'ones' });
const CONV = layer('Conv1D', { filters: 2, kernel_size: 3 });

/** Layers, the shape that goes in, the one that comes out. */
const SHAPES: readonly (readonly [string, object[], number[], number[]])[] = [
  ['a window on no rows', [CONV], [0, 5, 2], [0, 3, 2]],
  ['repeated steps of no rows', [layer('GRU', { units: 2 }), layer('RepeatVector', { n: 3 })], [0, 5, 2], [0, 3, 2]],
  ['more steps of no rows', [layer('UpSampling1D', { size: 2 }), dense], [0, 5, 2], [0, 10, 2]],
  ['fewer steps of no rows', [layer('MaxPooling1D', { pool_size: 2 }), dense], [0, 5, 2], [0, 2, 2]],
  ['padded steps', [layer('ZeroPadding1D', { padding: [1, 2] })], [2, 5, 2], [2, 8, 2]],
  ['cropped steps of no rows', [layer('Cropping1D', { cropping: [1, 2] })], [0, 5, 2], [0, 2, 2]],
  ['no steps', [dense], [2, 0, 2], [2, 0, 2]],
  ['the last of no steps', [dense, layer('GRU', { units: 3 })], [2, 0, 2], [2, 3]],
];

onMemory('a network that gives other steps than it takes', (served) => {
  const app = () => served.app;

  it.each(SHAPES)('tells the shape of %s', async (name, layers, from, to) => {
    const id = name.replaceAll(' ', '-');
    await make(app(), '/v1/cells', network(id, layers));
    const reply = await call(app(), 'POST', `/v1/cells/${id}/sequences`, {
      inputs: filled(...from),
      tensor_format: 'flat',
    });
    expect(reply.status, reply.text).toBe(200);
    expect(reply.body.output.shape).toEqual(to);
  });

  it('pads behind what cannot be shared evenly, as Keras does', async () => {
    const even = { filters: 1, kernel_size: 2, padding: 'same', kernel_initializer: 'ones' };
    await make(app(), '/v1/cells', network('even', [layer('Conv1D', even)], 1));
    const reply = await call(app(), 'POST', '/v1/cells/even/sequences', { inputs: [[[1], [2], [3]]] });
    expect(reply.body.output).toEqual([[[3], [5], [3]]]);
  });

  it('gives its bias for inputs without features', async () => {
    await make(app(), '/v1/cells', network('none', [dense], 0));
    const reply = await call(app(), 'POST', '/v1/cells/none/sequences', {
      inputs: filled(1, 2, 0),
      tensor_format: 'flat',
    });
    expect(reply.body.output).toEqual({ shape: [1, 2, 2], dtype: 'float32', data: [1, 1, 1, 1] });
  });

  it('is trained towards targets of the shape that it gives', async () => {
    await make(app(), '/v1/cells', network('trained', [CONV]));
    const [inputs, targets] = [filled(2, 5, 2), filled(2, 3, 2)];
    const steps = (sent: object) => call(app(), 'POST', '/v1/cells/trained/training_steps', sent);
    const before = await call(app(), 'POST', '/v1/cells/trained/sequences', { inputs, tensor_format: 'flat' });
    const loss = before.body.output.data.reduce(
      (sum: number, value: number, k: number) => sum + (value - targets.data[k]) ** 2 / targets.data.length,
      0,
    );
    const wrong = await steps({ inputs, targets: filled(2, 5, 2), loss: 'mse', optimizer: 'sgd' });
    expect(wrong).toMatchObject({ status: 422, body: { code: 'wrong-shape' } });
    expect(wrong.body.detail).toContain('[2,3,2]');
    const right = await steps({ inputs, targets, loss: 'mse', optimizer: 'sgd' });
    expect(right.status, right.text).toBe(200);
    expect(right.body.losses[0]).toBeCloseTo(loss, 5);
  });

  it('is trained along the last of several axes', async () => {
    const layers = [layer('GRU', { units: 6 }), layer('Reshape', { target_shape: [2, 3] }), layer('Softmax')];
    await make(app(), '/v1/cells', network('axes', layers));
    const sent = { inputs: filled(2, 5, 2), loss: 'sparse_categorical_crossentropy', optimizer: 'sgd' };
    const targets = [
      [0, 2],
      [1, 1],
    ];
    const before = await call(app(), 'POST', '/v1/cells/axes/sequences', { inputs: sent.inputs });
    const loss = targets.flatMap((row, n) => row.map((of, k) => -Math.log(before.body.output[n][k][of]) / 4));
    const reply = await call(app(), 'POST', '/v1/cells/axes/training_steps', { ...sent, targets });
    expect(reply.status, reply.text).toBe(200);
    expect(reply.body.losses[0]).toBeCloseTo(
      loss.reduce((sum, each) => sum + each, 0),
      5,
    );
  });

  it('refuses targets without the last axis where its output is masked step by step', async () => {
    const layers = [layer('Masking'), layer('GRU', { units: 1, return_sequences: true })];
    await make(app(), '/v1/cells', network('masked', layers));
    const sent = { inputs: filled(2, 5, 2), loss: 'mse', optimizer: 'sgd' };
    const reply = await call(app(), 'POST', '/v1/cells/masked/training_steps', { ...sent, targets: filled(2, 5) });
    expect(reply).toMatchObject({ status: 422, body: { code: 'wrong-shape' } });
    const whole = await call(app(), 'POST', '/v1/cells/masked/training_steps', { ...sent, targets: filled(2, 5, 1) });
    expect(whole.status, whole.text).toBe(200);
  });

  it('repeats no state in masked steps that are gone through backwards, as Keras', async () => {
    const layers = [layer('Masking'), layer('GRU', { units: 1, return_sequences: true, go_backwards: true })];
    await make(app(), '/v1/cells', network('backwards', layers));
    const inputs = [
      [
        [0.5, 1],
        [0, 0],
      ],
    ];
    const reply = await call(app(), 'POST', '/v1/cells/backwards/sequences', { inputs, initial_state: [[[0.7]]] });
    expect(reply.status, reply.text).toBe(200);
    expect(reply.body.output[0][0]).toEqual([0]);
  });

  it.each([
    ['Multiply', [2, 0, 6]],
    ['Maximum', [2, 1, 3]],
    ['Minimum', [1, 1, 2]],
    ['Add', [3, 1, 5]],
  ])('leaves masked steps out of %s as Keras does', async (merge, wanted) => {
    expect(await merged(merge, 'keras.layers', 'Conv1D')).toEqual(wanted);
  });

  it('lets an operator on tensors look at no mask and have none, as Keras does', async () => {
    expect(await merged('Add', 'keras.layers', 'SimpleRNN')).toEqual([3, 3, 8]);
    expect(await merged('Add', 'keras.src.ops.numpy', 'SimpleRNN')).toEqual([3, 4, 9]);
    expect(await merged('Maximum', 'keras.src.ops.numpy', 'SimpleRNN')).toEqual([2, 3, 6]);
  });

  /** x + 1 and x merged, x = 1, 0, 2 of which the 0 is masked; then their sums over time, or as they are. Numbers of Keras 3.15.1. */
  async function merged(class_name: string, module: string, last: 'SimpleRNN' | 'Conv1D'): Promise<number[]> {
    const id = `${class_name}-${module.length}-${last}`;
    const ones = { kernel_initializer: 'ones', recurrent_initializer: 'ones' };
    const tensor = (name: string) => ({ class_name: '__keras_tensor__', config: { keras_history: [name, 0, 0] } });
    const node = (name: string, own: string, args: unknown[], config: object = {}, from = 'keras.layers') => ({
      ...{ module: from, class_name: own, name, config: { ...config, name }, registered_name: null },
      inbound_nodes: [{ args, kwargs: {} }],
    });
    const both = [tensor('more'), tensor('mask')];
    const sums = { units: 1, activation: null, return_sequences: true, ...ones };
    const same = { filters: 1, kernel_size: 1, kernel_initializer: 'ones' };
    const layers = [
      { ...layer('InputLayer', { batch_shape: [null, null, 1], name: 'in' }), name: 'in', inbound_nodes: [] },
      node('mask', 'Masking', [tensor('in')]),
      node('more', 'Dense', [tensor('mask')], {
        units: 1,
        bias_initializer: 'ones',
        ...ones,
        recurrent_initializer: undefined,
      }),
      node('merge', class_name, module === 'keras.layers' ? [both] : both, {}, module),
      node('last', last, [tensor('merge')], last === 'Conv1D' ? same : sums),
    ];
    const config = { layers, input_layers: ['in', 0, 0], output_layers: ['last', 0, 0] };
    await make(app(), '/v1/cells', { id, class_name: 'Functional', config });
    const reply = await call(app(), 'POST', `/v1/cells/${id}/sequences`, { inputs: [[[1], [0], [2]]] });
    expect(reply.status, reply.text).toBe(200);
    return reply.body.output.flat(2);
  }
});

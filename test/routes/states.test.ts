import { beforeEach, describe, expect, it } from 'vitest';
import { startApp, type TestApp } from '../support/app.ts';
import { call, expectProblem, make } from '../support/call.ts';
import { sharedApp } from '../support/serve.ts';

const cellOf = (class_name: string, units: number) => ({ module: 'keras.layers', class_name, config: { units } });
/** A tensor of one row, the same number in every place. */
const row = (units: number, value: number) => [new Array<number>(units).fill(value)];
const flatRow = (units: number, value: number) => ({ shape: [1, units], data: new Array<number>(units).fill(value) });

describe('the states of a request', () => {
  let app: TestApp;
  const served = sharedApp();
  beforeEach(async () => {
    ({ app } = served);
    await make(app, '/v1/cells', {
      id: 'stack',
      class_name: 'StackedRNNCells',
      config: { cells: [cellOf('LSTMCell', 3), cellOf('GRUCell', 2), cellOf('SimpleRNNCell', 4)] },
      input_shape: [null, 1],
    });
    await make(app, '/v1/cells', {
      id: 'onnx',
      framework: 'onnx',
      class_name: 'LSTM',
      config: { hidden_size: 2 },
      input_shape: [null, null, 1],
    });
  });

  const [h0, c0, h1, h2] = [row(3, 0.1), row(3, 0.2), row(2, 0.3), row(4, 0.4)];
  const flat = [h0, c0, h1, h2];
  it.each([
    ['by cell', [[h0, c0], [h1], [h2]]],
    ['by cell, bare where a cell has one', [[h0, c0], h1, h2]],
    ['by cell, all as flat tensors', [[flatRow(3, 0.1), flatRow(3, 0.2)], [flatRow(2, 0.3)], [flatRow(4, 0.4)]]],
    ['by cell, as flat tensors', [[flatRow(3, 0.1), flatRow(3, 0.2)], [flatRow(2, 0.3)], flatRow(4, 0.4)]],
  ])('may be nested %s, as Keras nests them', async (_, nested) => {
    const step = async (states: unknown) =>
      (await call(app, 'POST', '/v1/cells/stack/steps', { inputs: [[1]], states })).body;
    expect(await step(nested)).toEqual(await step(flat));
    expect(await step(nested)).toHaveProperty('output');
    const run = async (initial_state: unknown) =>
      (await call(app, 'POST', '/v1/cells/stack/sequences', { inputs: [[[1]]], initial_state })).body;
    expect(await run(nested)).toEqual(await run(flat));
    const session = await call(app, 'POST', '/v1/sessions', { cell: 'stack', initial_state: nested });
    expect(session.body.states).toEqual(flat);
  });

  it('of stacks inside stacks may be nested as deep as those are', async () => {
    const inner = { module: 'keras.layers', class_name: 'StackedRNNCells' };
    const cells = [
      { ...inner, config: { cells: [cellOf('LSTMCell', 3), cellOf('GRUCell', 2)] } },
      cellOf('GRUCell', 4),
    ];
    await make(app, '/v1/cells', {
      id: 'deep',
      class_name: 'StackedRNNCells',
      config: { cells },
      input_shape: [null, 1],
    });
    const step = async (states: unknown) =>
      (await call(app, 'POST', '/v1/cells/deep/steps', { inputs: [[1]], states })).body;
    const flatTensors = [[[flatRow(3, 0.1), flatRow(3, 0.2)], [flatRow(2, 0.3)]], [flatRow(4, 0.4)]];
    expect(await step([[[h0, c0], [h1]], [h2]])).toEqual(await step(flat));
    expect(await step(flatTensors)).toEqual(await step(flat));
    expect(await step(flat)).toHaveProperty('output');
    let endless: unknown = h0;
    for (let i = 0; i < 30; i++) endless = [endless];
    const reply = await call(app, 'POST', '/v1/cells/deep/steps', { inputs: [[1]], states: [endless] });
    expect(reply.status).toBe(422);
  });

  it('are zeros where they are null', async () => {
    const step = async (states: unknown) =>
      (await call(app, 'POST', '/v1/cells/stack/steps', { inputs: [[1]], states })).body;
    expect(await step([h0, null, h1, null])).toEqual(await step([h0, row(3, 0), h1, row(4, 0)]));
    expect(await step(null)).toEqual(await step(flat.map(([values]) => row(values.length, 0))));
  });

  it('of ONNX may be initial_h alone', async () => {
    const run = async (initial_state: unknown) =>
      (await call(app, 'POST', '/v1/cells/onnx/sequences', { inputs: [[[1]]], initial_state })).body;
    const [h, zero] = [[row(2, 0.5)], [row(2, 0)]];
    expect(await run([h])).toEqual(await run([h, zero]));
    expect(await run([null, h])).toEqual(await run([zero, h]));
  });

  it('are refused where there are too few, with what to send', async () => {
    const reply = await call(app, 'POST', '/v1/cells/stack/steps', { inputs: [[1]], states: [[h0, c0], [h1]] });
    expectProblem(reply, 'wrong-shape', /4 states. Send \[1,3\], \[1,3\], \[1,2\], \[1,4\]/);
  });
});

describe('the lengths of sequences', () => {
  it('may be a tensor, and null is as if they were left out', async () => {
    const app = await startApp();
    await make(app, '/v1/cells', { id: 'gru', class_name: 'GRUCell', config: { units: 2 }, input_shape: [null, 1] });
    const run = async (more: object) =>
      (
        await call(app, 'POST', '/v1/cells/gru/sequences', {
          inputs: [
            [[1], [2]],
            [[3], [4]],
          ],
          ...more,
        })
      ).body;
    const lengths = { shape: [2], data: [2, 1], dtype: 'int32' };
    expect(await run({ sequence_lengths: lengths })).toEqual(await run({ sequence_lengths: [2, 1] }));
    expect(await run({ sequence_lengths: null, mask: null, initial_state: null })).toEqual(await run({}));
    const reply = await call(app, 'POST', '/v1/cells/gru/sequences', { inputs: [[[1]]], sequence_lengths: [[1]] });
    expectProblem(reply, 'wrong-shape', /not a list of lengths/);
    await app.close();
  });
});

describe('weights and build_config', () => {
  it('may have null for a weight that is left out', async () => {
    const app = await startApp();
    const weights = { W: [[[1]]], R: [[[1]]], B: null };
    const body = { id: 'rnn', framework: 'onnx', class_name: 'RNN', config: { hidden_size: 1 }, weights };
    expect((await make(app, '/v1/cells', body)).body.variables.map(({ name }: { name: string }) => name)).toEqual([
      'W',
      'R',
    ]);
    await app.close();
  });

  it('may come from a layer that was called with an initial state', async () => {
    const app = await startApp();
    const build_config = { shapes_dict: { sequences_shape: [2, 5, 3], initial_state_shape: [2, 4] } };
    const body = { class_name: 'GRU', config: { units: 4 }, build_config };
    expect((await make(app, '/v1/cells', body)).body).toMatchObject({ built: true, input_shape: [2, 5, 3] });
    await app.close();
  });
});

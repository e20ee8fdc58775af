import { expect, it } from 'vitest';
import { startApp } from '../support/app.ts';
import { call, expectProblem, make, TUTORIAL_CELL } from '../support/call.ts';
import { onEveryStore, onMemory } from '../support/serve.ts';

const step = (body: unknown) => ['POST', '/v1/cells/cell/steps', body] as const;

onEveryStore('a step', (served) => {
  it('answers the tutorial, and stores nothing', async () => {
    const { app } = served;
    await make(app, '/v1/cells', { ...TUTORIAL_CELL, input_shape: [null, 1] });
    const first = await call(app, ...step({ inputs: [[2]], states: [[[1]]] }));
    expect(first.text).toBe('{"output":[[6]],"states":[[[6]]],"cell_version":1}');
    expect((await call(app, ...step({ inputs: [[2]], states: first.body.states }))).body.output).toEqual([[11]]);
    expect((await call(app, 'GET', '/v1/cells/cell')).body.version).toBe(1);
  });

  it('takes variables as inputs and states, as they are now', async () => {
    const { app } = served;
    await make(app, '/v1/cells', TUTORIAL_CELL);
    await make(app, '/v1/variables', { id: 'xt', value: [[2]] });
    await make(app, '/v1/variables', { id: 'ht', value: [[1]], dtype: 'int32' });
    const body = { inputs: { variable: 'xt' }, states: [{ variable: 'ht' }] };
    expect((await call(app, ...step(body))).body.output).toEqual([[6]]);
    await call(app, 'PUT', '/v1/variables/xt', { value: [[10]] });
    expect((await call(app, ...step({ ...body, states: { variable: 'ht' } }))).body.output).toEqual([[14]]);
    const missing = await call(app, ...step({ inputs: { variable: 'none' } }));
    expect(expectProblem(missing, 'invalid-value', /'none'/).errors?.[0].pointer).toBe('/inputs/variable');
  });
});

onMemory('a step', (served) => {
  it('shows every gate of a GRU before and after its activation', async () => {
    const { app } = served;
    const config = { units: 1, activation: 'relu', recurrent_activation: 'hard_sigmoid', reset_after: false };
    const weights = { kernel: [[1, -3, 2]], recurrent_kernel: [[0.5, 1, 4]], bias: [0, 0, 1] };
    await make(app, '/v1/cells', { id: 'cell', class_name: 'GRUCell', config, weights });
    const { body } = await call(app, ...step({ inputs: [[1]], states: [[2]], trace: true }));
    // z = hs(1 + 1) = 5/6, r = hs(-3 + 2) = 1/3, g = relu(2 + 1 + (r·2)·4) = 17/3, h' = z·2 + (1-z)·g = 47/18
    const f32 = (value: number) => expect.closeTo(value, 6);
    expect(body.trace.z).toEqual({ before: [[2]], after: [[f32(5 / 6)]] });
    expect(body.trace.r).toEqual({ before: [[-1]], after: [[f32(1 / 3)]] });
    const candidate = Object.entries(body.trace).find(([name]) => name !== 'z' && name !== 'r')?.[1];
    expect(candidate).toEqual({ before: [[f32(17 / 3)]], after: [[f32(17 / 3)]] });
    expect(body.output).toEqual([[f32(47 / 18)]]);
    expect(body.states).toEqual([body.output]);
  });

  it('shows every gate of an LSTM before and after its activation', async () => {
    const { app } = served;
    const config = { units: 1, activation: 'linear', recurrent_activation: 'relu' };
    const weights = { kernel: [[1, 2, 3, 4]], recurrent_kernel: [[1, 1, 1, 1]], bias: [0, 1, 0, -1] };
    await make(app, '/v1/cells', { id: 'cell', class_name: 'LSTMCell', config, weights });
    const { body } = await call(app, ...step({ inputs: [[1]], states: [[[2]], [[3]]], trace: true }));
    // i = 3, f = 5, c~ = 5, o = 5; c' = 5·3 + 3·5 = 30, h' = 5·30 = 150
    expect(body.trace.i).toEqual({ before: [[3]], after: [[3]] });
    expect(body.trace.f).toEqual({ before: [[5]], after: [[5]] });
    expect(body.trace.o).toEqual({ before: [[5]], after: [[5]] });
    expect(body).toMatchObject({ output: [[150]], states: [[[150]], [[30]]] });
    expect((await call(app, ...step({ inputs: [[1]] }))).body).not.toHaveProperty('trace');
  });

  it('writes its tensors in the form that is asked for', async () => {
    const { app } = served;
    await make(app, '/v1/cells', TUTORIAL_CELL);
    const flat = await call(app, ...step({ inputs: [[2], [3]], trace: true, tensor_format: 'flat' }));
    const tensor = { shape: [2, 1], dtype: 'float32', data: [5, 6] };
    const gates = Object.values(flat.body.trace);
    expect(flat.body).toMatchObject({ output: tensor, states: [tensor] });
    expect(gates).toEqual([{ before: tensor, after: tensor }]);
    const base64 = await call(app, ...step({ inputs: flat.body.output, tensor_format: 'base64' }));
    expect(base64.body.output).toEqual({ shape: [2, 1], dtype: 'float32', base64: 'AAAAQQAAEEE=' });
    // What a reply holds may be sent back as it is.
    const back = await call(app, ...step({ inputs: base64.body.output, states: base64.body.states }));
    expect(back.body.output).toEqual([[19], [21]]);
    const other = await call(app, ...step({ inputs: [[2]], tensor_format: 'xml' }));
    expect(expectProblem(other, 'invalid-request', /xml/).errors?.[0].pointer).toBe('/tensor_format');
  });

  it('starts from zeros where no state is sent, for any batch', async () => {
    const { app } = served;
    await make(app, '/v1/cells', TUTORIAL_CELL);
    expect((await call(app, ...step({ inputs: [[1], [2], [3]] }))).body.output).toEqual([[4], [5], [6]]);
    const none = await call(app, ...step({ inputs: { shape: [0, 1], data: [] } }));
    expect(none.body).toMatchObject({ output: [], states: [[]] });
  });

  it('carries NaN, infinities and -0 in and out', async () => {
    const { app } = served;
    const config = { units: 1, activation: 'linear', use_bias: false, recurrent_initializer: 'zeros' };
    await make(app, '/v1/cells', {
      id: 'cell',
      class_name: 'SimpleRNNCell',
      config: { ...config, kernel_initializer: 'ones' },
    });
    const inputs = '[["NaN"],["Infinity"],["-Infinity"],[-0.0]]';
    const reply = await call(app, ...step(`{"inputs":${inputs}, "states":[[[-0],[-0],[-0],[-0]]]}`));
    expect(reply.text).toContain('"output":[["NaN"],["Infinity"],["-Infinity"],[');
    await make(app, '/v1/variables', { id: 'v', value: ['NaN', 'Infinity', '-Infinity'] });
    await call(app, 'PUT', '/v1/variables/v', '{"value":["NaN",-0,"-Infinity"]}');
    expect((await call(app, 'GET', '/v1/variables/v')).text).toContain('"value":["NaN",-0,"-Infinity"]');
  });

  it('writes a float32 as its shortest decimal, and a float64 cell in float64', async () => {
    const { app } = served;
    const config = { units: 1, kernel_initializer: 'ones', use_bias: false };
    await make(app, '/v1/cells', { id: 'cell', class_name: 'SimpleRNNCell', config });
    expect((await call(app, ...step({ inputs: [[6]] }))).text).toContain('"output":[[0.9999877]]');
    await make(app, '/v1/cells', { id: 'd', class_name: 'SimpleRNNCell', config: { ...config, dtype: 'float64' } });
    const double = await call(app, 'POST', '/v1/cells/d/steps', { inputs: [[6]], tensor_format: 'flat' });
    expect(double.body.output).toEqual({ shape: [1, 1], dtype: 'float64', data: [Math.tanh(6)] });
    expect(double.text).toContain(`"data":[${Math.tanh(6)}]`);
  });

  it.each([
    ['a vector as inputs', { inputs: [2] }, /\[1\].*\[batch, features\]/, '/inputs'],
    ['a sequence as inputs', { inputs: [[[2]]] }, /\[1,1,1\]/, '/inputs'],
    ['another feature count', { inputs: [[1, 2]] }, /\[1,2\].*1 features/, '/inputs'],
    ['a state of another width', { inputs: [[1]], states: [[[1, 2]]] }, /\[1,2\].*\[1,1\]/, '/states/0'],
    ['a state of another batch', { inputs: [[1]], states: [[[1], [2]]] }, /\[2,1\].*\[1,1\]/, '/states/0'],
    ['too many states', { inputs: [[1]], states: [[[1]], [[1]]] }, /2 tensors.*1 state/, '/states'],
    ['too few states', { inputs: [[1]], states: [] }, /0 tensors.*1 state/, '/states'],
  ])('refuses %s', async (_, body, detail, pointer) => {
    const { app } = served;
    await make(app, '/v1/cells', { ...TUTORIAL_CELL, input_shape: [null, 1] });
    const { errors } = expectProblem(await call(app, ...step(body)), 'wrong-shape', detail);
    expect(errors?.[0].pointer).toBe(pointer);
  });

  it('takes one bare tensor as states only where the cell has one state', async () => {
    const { app } = served;
    await make(app, '/v1/cells', { id: 'cell', class_name: 'LSTMCell', config: { units: 2 } });
    const reply = await call(
      app,
      ...step({
        inputs: [[1], [2]],
        states: [
          [1, 2],
          [3, 4],
        ],
      }),
    );
    expectProblem(reply, 'wrong-shape', /2 states/);
  });

  it('quotes tensors in what it refuses as they were sent', async () => {
    const { app } = served;
    await make(app, '/v1/cells', TUTORIAL_CELL);
    const refused = await call(app, 'POST', '/v1/cells/cell/gradients', { inputs: [[[1]]], cotangents: [[[1, 2]]] });
    expectProblem(refused, 'invalid-request', /exactly 2 items\. \[\[\[1,2\]\]\] was sent\./);
  });

  it('refuses ragged tensors and values beyond float32, and is not built by them', async () => {
    const { app } = served;
    await make(app, '/v1/cells', TUTORIAL_CELL);
    const ragged = await call(app, ...step({ inputs: [[1], [2, 3]] }));
    expect(expectProblem(ragged, 'ragged-tensor', /\[1\]/).errors?.[0].pointer).toBe('/inputs/1');
    const huge = await call(app, ...step({ inputs: [[1e39]] }));
    expect(expectProblem(huge, 'value-out-of-range', /1e\+39/).errors?.[0].pointer).toBe('/inputs/0/0');
    const huger = await call(app, ...step('{"inputs":[[1e400]]}'));
    expect(expectProblem(huger, 'value-out-of-range').errors?.[0].pointer).toBe('/inputs/0/0');
    expect((await call(app, 'GET', '/v1/cells/cell')).body).toMatchObject({ built: false, version: 1 });
    expectProblem(await call(app, 'POST', '/v1/cells/none/steps', { inputs: [[1]] }), 'not-found');
  });
});

it('a trace is refused if it would have too many numbers', async () => {
  const app = await startApp({ limits: { maxElements: 60 } });
  const gru = { id: 'gru', class_name: 'GRUCell', config: { units: 2 }, input_shape: [null, 1] };
  await make(app, '/v1/cells', gru);
  await make(app, '/v1/sessions', { id: 'kept', cell: 'gru', history: 2 });
  const sequence = (steps: number) => ({ inputs: [Array.from({ length: steps }, () => [1])], trace: true });
  for (const path of ['/v1/cells/gru/sequences', '/v1/sessions/kept/steps']) {
    expect((await call(app, 'POST', path, sequence(5))).status).toBe(200);
    const refused = await call(app, 'POST', path, sequence(6));
    expect(expectProblem(refused, 'limit-exceeded', /72 numbers.*60 elements/).errors?.[0].pointer).toBe('/trace');
  }
  const rows = { inputs: Array.from({ length: 6 }, () => [1]) };
  expect((await call(app, 'POST', '/v1/cells/gru/steps', rows)).status).toBe(200);
  expectProblem(await call(app, 'POST', '/v1/cells/gru/steps', { ...rows, trace: true }), 'limit-exceeded', /trace/);
  await make(app, '/v1/cells', { ...gru, id: 'unbuilt', input_shape: undefined });
  expectProblem(
    await call(app, 'POST', '/v1/cells/unbuilt/steps', { ...rows, trace: true }),
    'limit-exceeded',
    /trace/,
  );
  expect((await call(app, 'GET', '/v1/cells/unbuilt')).body).toMatchObject({ built: false });
  await app.close();
});

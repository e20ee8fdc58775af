import { beforeEach, expect, it } from 'vitest';
import { call, expectProblem, make } from '../support/call.ts';
import {
  accumulator,
  edge,
  externalTensor,
  graph,
  hiddenInIf,
  hiddenLstm,
  model,
  node,
  tokens,
} from '../support/onnx-models.ts';
import { onEveryStore, onMemory, type Served } from '../support/serve.ts';

const ONNX = { 'content-type': 'application/x-onnx' };
const GAIN = `constants=${encodeURIComponent('{"gain":10}')}`;

const send = ({ app }: Served, file: Uint8Array, query: string) =>
  call(app, 'POST', `/v1/cells?graph=true&${query}`, file, ONNX);

async function open(served: Served, session: object = {}): Promise<void> {
  const made = await send(served, accumulator(), `id=acc&${GAIN}`);
  expect(made.status, made.text).toBe(201);
  await make(served.app, '/v1/sessions', { id: 's', cell: 'acc', ...session });
}

const step = ({ app }: Served, inputs: unknown, more: object = {}) =>
  call(app, 'POST', '/v1/sessions/s/steps', { inputs, ...more });

onEveryStore('graphs', (served) => {
  it('keeps the states of a graph in a session, and all that goes with it', async () => {
    await open(served, { history: 5, pin_cell_version: true });
    const { app } = served;
    const first = await step(served, [[1, 2]], { return_states: true });
    expect(first.body).toEqual({
      output: [[10, 20]],
      outputs: { y: [[10, 20]], minus: [[-10, -20]] },
      step: 1,
      states: [[[1, 2]], [[1]]],
      cell_version: 1,
    });
    expect((await step(served, [[[1, 0]], [[1, 0]]].map(([row]) => row).slice(0, 1))).body.output).toEqual([[20, 20]]);
    // Many steps in one request: [batch, time, 2].
    const many = await step(served, [
      [
        [1, 1],
        [1, 1],
        [1, 1],
      ],
    ]);
    expect(many.body).toMatchObject({
      output: [
        [
          [30, 30],
          [40, 40],
          [50, 50],
        ],
      ],
      step: 5,
    });
    const kept = await call(app, 'GET', '/v1/sessions/s/steps?after=2');
    expect(kept.body.items.map(({ output, states }: Record<string, unknown>) => [output, states])).toEqual([
      [[[30, 30]], [[[3, 3]], [[3]]]],
      [[[40, 40]], [[[4, 4]], [[4]]]],
      [[[50, 50]], [[[5, 5]], [[5]]]],
    ]);
    const fork = await make(app, '/v1/sessions/s/fork', { id: 'f', at_step: 3 });
    expect(fork.body.states).toEqual([[[3, 3]], [[3]]]);
    expect((await call(app, 'POST', '/v1/sessions/s/rewind', { to_step: 1 })).body.states).toEqual([[[1, 2]], [[1]]]);
    const again = { 'idempotency-key': 'a' };
    const one = await call(app, 'POST', '/v1/sessions/s/steps', { inputs: [[0, 0]] }, again);
    expect((await call(app, 'POST', '/v1/sessions/s/steps', { inputs: [[0, 0]] }, again)).text).toBe(one.text);
    expect((await call(app, 'GET', '/v1/sessions/s')).body).toMatchObject({ step: 2, states: [[[1, 2]], [[2]]] });
    const bulk = await call(app, 'POST', '/v1/steps', {
      steps: [
        { session: 's', inputs: [[1, 1]] },
        { session: 'f', named_inputs: { x: [[1, 1]] } },
      ],
    });
    expect(bulk.body.results, bulk.text).toMatchObject([
      { status: 200, output: [[20, 30]], outputs: { minus: [[-20, -30]] } },
      { status: 200, output: [[40, 40]] },
    ]);
  });

  it('saves a graph with its sessions in a checkpoint, and makes them of it again', async () => {
    await open(served, { pin_cell_version: true });
    const { app } = served;
    await step(served, [[1, 2]]);
    await make(app, '/v1/checkpoints', { id: 'c', all: true });
    const content = await app.inject({ url: '/v1/checkpoints/c/content' });
    const restored = await call(app, 'POST', '/v1/checkpoints/c/restore', {});
    expect(restored.body.restored).toMatchObject({ cells: ['acc'], sessions: ['s'] });
    for (const url of ['/v1/sessions/s', '/v1/cells/acc', '/v1/checkpoints/c']) {
      expect((await call(app, 'DELETE', url)).status).toBe(204);
    }
    const type = { 'content-type': 'application/x-safetensors' };
    expect((await call(app, 'POST', '/v1/checkpoints?id=c', content.rawPayload, type)).status).toBe(201);
    const made = await call(app, 'POST', '/v1/checkpoints/c/restore', { create_missing: true });
    expect(made.body, made.text).toMatchObject({ created: { cells: ['acc'], sessions: ['s'] } });
    expect((await step(served, [[1, 1]])).body).toMatchObject({ output: [[20, 30]], step: 2 });
    // A checkpoint whose manifest says something else of the graph.
    const other = Buffer.from(content.rawPayload.toString('latin1').replace('stateN', 'stateX'), 'latin1');
    expect((await call(app, 'POST', '/v1/checkpoints?id=other', other, type)).status).toBe(201);
    const restoring = { create_missing: true };
    expectProblem(
      await call(app, 'POST', '/v1/checkpoints/other/restore', restoring),
      'checkpoint-mismatch',
      /not the graph/,
    );
    await call(app, 'DELETE', '/v1/cells/acc?force=true');
    expectProblem(await call(app, 'POST', '/v1/checkpoints/other/restore', restoring), 'checkpoint-mismatch');
    expect((await call(app, 'GET', '/v1/cells')).body.items).toEqual([]);
    expect((await call(app, 'DELETE', '/v1/sessions/s')).status).toBe(204);
    await call(app, 'POST', '/v1/checkpoints/c/restore', restoring);
    const file = await app.inject({ url: '/v1/cells/acc/weights', headers: { accept: 'application/x-onnx' } });
    expect(Buffer.from(accumulator()).equals(file.rawPayload)).toBe(true);
    await call(app, 'DELETE', '/v1/cells/acc?force=true');
    const [owned] = [(await served.store.list('cell-graph/', undefined, 10)).length];
    expect(owned).toBe(0);
  });
});

onMemory('a graph as a cell', (served) => {
  it('says what it takes and gives before anything is stored', async () => {
    const dry = await send(served, accumulator(), `dry_run=true&${GAIN}`);
    expect(dry.status, dry.text).toBe(200);
    expect(dry.body.graph).toMatchObject({
      inputs: [{ name: 'x', dtype: 'float32', shape: ['batch', 2], rows: 0 }],
      outputs: [{ name: 'y' }, { name: 'minus' }],
      states: [
        { name: 'state', output: 'stateN', found: 'name', rows: 0 },
        { name: 'count_in', output: 'count_out', dtype: 'int64', found: 'name' },
      ],
      constants: [{ name: 'gain', dtype: 'int64', shape: [], values: ['10'] }],
    });
    expect(dry.body.variables).toEqual([{ name: 'one', shape: [1], dtype: 'int64', trainable: false, version: 1 }]);
    expect((await call(served.app, 'GET', '/v1/cells')).body.items).toEqual([]);
  });

  it('takes the states that are asked for, and refuses those that cannot be', async () => {
    const asked = (states: string) => send(served, accumulator(), `states=${encodeURIComponent(states)}`);
    expect((await asked('state:stateN')).body).toMatchObject({
      state_names: ['state'],
      input_names: ['x', 'gain', 'count_in'],
      output_names: ['y', 'minus', 'count_out'],
      precision: 'onnxruntime',
    });
    expect((await asked('{"count_in":"count_out"}')).body.state_names).toEqual(['count_in']);
    expect((await asked('')).body.state_shapes).toEqual([]);
    expectProblem(await asked('stat:stateN'), 'invalid-value', /no input 'stat'.*'x', 'gain', 'state'/);
    expectProblem(await asked('state:y2'), 'invalid-value', /no output 'y2'/);
    expectProblem(await asked('state:count_out'), 'invalid-value', /'count_out' is INT64.*'state'.*FLOAT \[batch,2\]/);
    expectProblem(await asked('state:stateN,state:y'), 'invalid-value', /'state' is in \?states twice/);
    expectProblem(await asked('state'), 'invalid-request', /\?states has 'state'/);
    expectProblem(await send(served, accumulator(), 'constants=7'), 'invalid-request');
    expectProblem(await send(served, accumulator(), 'constants={"g":1}'), 'invalid-value', /no input 'g'/);
    expectProblem(await send(served, accumulator(), 'layer=x'), 'invalid-request', /\?layer/);
    expectProblem(await call(served.app, 'POST', '/v1/cells?states=a:b', accumulator(), ONNX), 'invalid-request');
    const stateless = model(
      graph({
        inputs: [edge('x', [1])],
        nodes: [node({ op: 'Neg', in: ['x'], out: ['y'] })],
        outputs: [edge('y', [1])],
      }),
    );
    expectProblem(await send(served, stateless, ''), 'no-state', /Inputs: 'x' FLOAT \[1\]/);
    const json = { framework: 'onnx', class_name: 'Graph', config: {} };
    expectProblem(await call(served.app, 'POST', '/v1/cells', json), 'invalid-config', /comes as a file/);
  });

  it('steps with states that the client carries, row by row', async () => {
    await open(served);
    const { app } = served;
    const post = (body: object) => call(app, 'POST', '/v1/cells/acc/steps', body);
    expect((await post({ inputs: [[1, 2]] })).body).toMatchObject({ output: [[10, 20]], states: [[[1, 2]], [[1]]] });
    const rows = await post({
      named_inputs: {
        x: [
          [1, 2],
          [3, 4],
        ],
      },
      states: [
        [
          [1, 1],
          [2, 2],
        ],
        [[5], [6]],
      ],
    });
    expect(rows.body).toMatchObject({
      output: [
        [20, 30],
        [50, 60],
      ],
      states: [
        [
          [2, 3],
          [5, 6],
        ],
        [[6], [7]],
      ],
    });
    const sequence = await call(app, 'POST', '/v1/cells/acc/sequences', {
      inputs: [
        [
          [1, 2],
          [1, 2],
        ],
      ],
    });
    expect(sequence.body).toMatchObject({
      output: [
        [
          [10, 20],
          [20, 40],
        ],
      ],
      outputs: {
        minus: [
          [
            [-10, -20],
            [-20, -40],
          ],
        ],
      },
    });
    const { body: empty } = await call(app, 'POST', '/v1/cells/acc/sequences', {
      inputs: { shape: [1, 0, 2], dtype: 'float32', data: [] },
      tensor_format: 'flat',
    });
    expect(empty).toMatchObject({ output: { shape: [1, 0, 2] }, states: [{ data: [0, 0] }, { data: [0] }] });
    expectProblem(
      await post({ inputs: [[1, 2, 3]] }),
      'wrong-shape',
      /'x' has shape \[1,3\]; the graph takes \[batch,2\]/,
    );
    expectProblem(await post({ inputs: [] }), 'wrong-shape');
    expectProblem(await post({ named_inputs: {} }), 'invalid-value', /'x' is missing/);
    expectProblem(await post({ named_inputs: { z: [[1]] } }), 'invalid-value', /no input 'z'/);
    expectProblem(await post({}), 'invalid-request', /missing/);
    expectProblem(await post({ inputs: [[1, 2]], named_inputs: { x: [[1, 2]] } }), 'invalid-request', /not both/);
    expectProblem(await post({ inputs: [[1, 2]], states: [[[1, 2]]] }), 'wrong-shape', /1 tensor/);
    expectProblem(await post({ inputs: [[1, 2]], trace: true }), 'invalid-value', /no trace/);
    expectProblem(await step(served, [[1, 2]], { mask: [1] }), 'invalid-value', /no mask/);
  });

  it('gives sessions of several rows the numbers that each row has alone', async () => {
    await open(served, { batch_size: 2 });
    await step(served, [
      [1, 2],
      [3, 4],
    ]);
    expect(
      (
        await step(
          served,
          [
            [1, 1],
            [1, 1],
          ],
          { return_states: true },
        )
      ).body,
    ).toMatchObject({
      output: [
        [20, 30],
        [40, 50],
      ],
      states: [
        [
          [2, 3],
          [4, 5],
        ],
        [[2], [2]],
      ],
    });
    expectProblem(await step(served, [[1, 2]]), 'wrong-shape', /1 row; session 's' has batch size 2/);
  });

  it('refuses gradients, training and new values, with the reason', async () => {
    await open(served);
    const { app } = served;
    const gradients = { inputs: [[1, 2]], cotangent: [[1, 1]] };
    expectProblem(await call(app, 'POST', '/v1/cells/acc/gradients', gradients), 'no-gradients', /ONNX graph/);
    const training = { inputs: [[1, 2]], targets: [[1, 1]], loss: 'mse', optimizer: 'sgd' };
    expectProblem(await call(app, 'POST', '/v1/cells/acc/training_steps', training), 'no-gradients');
    expectProblem(await call(app, 'PUT', '/v1/cells/acc/variables/one', { value: [2] }), 'read-only-variable');
    expectProblem(await call(app, 'PUT', '/v1/cells/acc/weights', { weights: { one: [2] } }), 'read-only-variable');
    expectProblem(await call(app, 'PUT', '/v1/cells/acc/weights', accumulator(), ONNX), 'read-only-variable');
    expect((await call(app, 'GET', '/v1/cells/acc/variables/one')).body).toMatchObject({
      value: [1],
      trainable: false,
    });
    expect((await call(app, 'GET', '/v1/cells/acc/weights')).body.weights).toEqual({ one: [1] });
    const other = await make(app, '/v1/cells', { class_name: 'GRUCell', config: { units: 1 } });
    const named = { named_inputs: { x: [[1]] } };
    expectProblem(await call(app, 'POST', `/v1/cells/${other.body.id}/steps`, named), 'invalid-value', /Send inputs/);
  });

  it('takes tokens, one of each row, and many of them in a sequence', async () => {
    const { app } = served;
    expect((await send(served, tokens(), 'id=lm')).body).toMatchObject({ input_shape: [null], parameter_count: 6 });
    await make(app, '/v1/sessions', { id: 's', cell: 'lm', batch_size: 2 });
    expect((await step(served, [0, 2], { return_states: true })).body.states).toEqual([
      [
        [1, 10],
        [3, 30],
      ],
    ]);
    const more = await step(
      served,
      [
        [0, 0],
        [1, 1],
      ],
      { return_states: true },
    );
    expect(more.body).toMatchObject({
      step: 3,
      states: [
        [
          [3, 30],
          [7, 70],
        ],
      ],
    });
    expectProblem(await step(served, [0, 3]), 'graph-failed', /Gather/);
    expectProblem(await step(served, [0, 0.5]), 'value-out-of-range', /int64/);
    expect((await call(app, 'GET', '/v1/sessions/s')).body.step).toBe(3);
    const metrics = (await app.inject('/metrics')).payload;
    expect(metrics).toMatch(
      /cellstep_step_duration_seconds_count\{(?=[^}]*kind="step")(?=[^}]*place="process")[^}]*\} [1-9]/,
    );
    expect(metrics).toMatch(/cellstep_graph_processes\{[^}]*\} [12]/);
  });

  it('serves a graph by the Open Inference Protocol, by its own names', async () => {
    await open(served);
    const { app } = served;
    const { body: meta } = await call(app, 'GET', '/v2/models/acc');
    expect(meta.inputs).toEqual([
      { name: 'x', datatype: 'FP32', shape: [-1, 2] },
      { name: 'state', datatype: 'FP32', shape: [-1, 2] },
      { name: 'count_in', datatype: 'INT64', shape: [-1, 1] },
    ]);
    expect(meta.outputs.map(({ name }: { name: string }) => name)).toEqual(['y', 'minus', 'stateN', 'count_out']);
    const x = { name: 'x', datatype: 'FP32', shape: [1, 2], data: [1, 2] };
    const infer = (parameters: object, outputs?: object[]) =>
      call(app, 'POST', '/v2/models/acc/infer', { inputs: [x], parameters, ...(outputs ? { outputs } : {}) });
    const { body: alone } = await infer({});
    expect(alone.outputs.map(({ name, data }: { name: string; data: number[] }) => [name, data])).toEqual([
      ['y', [10, 20]],
      ['minus', [-10, -20]],
      ['stateN', [1, 2]],
      ['count_out', [1]],
    ]);
    await infer({ sequence_id: 7, sequence_start: true });
    const second = await infer({ sequence_id: 7 }, [{ name: 'count_out' }, { name: 'y' }]);
    expect(second.body.outputs).toMatchObject([{ data: [2] }, { data: [20, 40] }]);
  });

  it('takes and gives tensors by name in safetensors', async () => {
    await open(served);
    const head = JSON.stringify({ 'inputs.x': { dtype: 'F32', shape: [1, 2], data_offsets: [0, 8] } });
    const file = Buffer.concat([
      new Uint8Array(BigUint64Array.of(BigInt(head.length)).buffer),
      Buffer.from(head),
      new Uint8Array(Float32Array.of(1, 2).buffer),
    ]);
    const type = 'application/x-safetensors';
    const reply = await served.app.inject({
      method: 'POST',
      url: '/v1/sessions/s/steps',
      payload: file,
      headers: { 'content-type': type, accept: type },
    });
    expect(reply.statusCode, reply.payload).toBe(200);
    expect(reply.payload).toMatch(/"outputs.minus"/);
  });
});

onMemory('states inside of recurrent nodes', (served) => {
  let steps: number[][][];
  beforeEach(() => {
    steps = Array.from({ length: 6 }, (_, t) => [[Math.sin(t), Math.cos(t * 2)]]);
  });

  it('opens an LSTM, so that parts of a sequence give what the whole gives', async () => {
    const { app } = served;
    const made = await send(served, hiddenLstm(), 'id=lstm');
    expect(made.body).toMatchObject({
      state_names: ['lstm.h', 'lstm.c'],
      state_shapes: [
        [1, null, 3],
        [1, null, 3],
      ],
    });
    await send(served, hiddenLstm(), 'id=closed&states=');
    const whole = await call(app, 'POST', '/v1/cells/closed/steps', { inputs: steps });
    await make(app, '/v1/sessions', { id: 's', cell: 'lstm' });
    const parts: unknown[] = [];
    for (const part of [steps.slice(0, 2), steps.slice(2, 3), steps.slice(3)]) {
      const reply = await step(served, part);
      expect(reply.status, reply.text).toBe(200);
      parts.push(...reply.body.output);
    }
    expect(parts).toEqual(whole.body.output);
  });

  it('opens nodes in both branches of an If, and keeps the state of the branch that is not taken', async () => {
    const { app } = served;
    const made = await send(served, hiddenInIf(), 'id=if');
    expect(made.body.state_names, made.text).toEqual(['high_gru.h', 'low_gru.h']);
    await send(served, hiddenInIf(), 'id=closed&states=');
    await make(app, '/v1/sessions', { id: 's', cell: 'if' });
    const run = (part: unknown, high: boolean) =>
      call(app, 'POST', '/v1/sessions/s/steps', { named_inputs: { X: part, high }, return_states: true });
    const alone = async (part: unknown, high: boolean) =>
      (await call(app, 'POST', '/v1/cells/closed/steps', { named_inputs: { X: part, high } })).body.output;
    const [high, low] = [await run(steps.slice(0, 2), true), await run(steps.slice(0, 3), false)];
    expect(low.body.states[0]).toEqual(high.body.states[0]);
    const rest = await run(steps.slice(2), true);
    expect([...high.body.output, ...rest.body.output]).toEqual(await alone(steps, true));
    expect(low.body.output).toEqual(await alone(steps.slice(0, 3), false));
    expect(rest.body.states[1]).toEqual(low.body.states[1]);
  });
});

onMemory('graphs that are refused', (served) => {
  const withNode = (
    parts: Parameters<typeof node>[0],
    initializers: Parameters<typeof graph>[0]['initializers'] = [],
  ) =>
    graph({
      inputs: [edge('x', [1, 2]), edge('s', [1, 2])],
      initializers,
      nodes: [node(parts), node({ op: 'Identity', in: ['s'], out: ['sN'] })],
      outputs: [edge('y', [1, 2]), edge('sN', [1, 2])],
    });

  it('takes data in other files where they are sent too, and opens no path', async () => {
    const outside = model(
      withNode({ op: 'Add', in: ['x', 'w'], out: ['y'] }, [externalTensor('w', [1, 2], '/etc/weights.bin')]),
    );
    const sendParts = (files: Readonly<Record<string, Uint8Array>>) => {
      const edge = 'edge-of-parts';
      const parts = Object.entries(files).flatMap(([name, bytes]) => [
        `--${edge}\r\nContent-Disposition: form-data; name="${name}"; filename="${name}"\r\n\r\n`,
        bytes,
        '\r\n',
      ]);
      const body = Buffer.concat([...parts, `--${edge}--\r\n`].map((part) => Buffer.from(part as string)));
      const headers = { 'content-type': `multipart/form-data; boundary=${edge}` };
      return call(served.app, 'POST', '/v1/cells?graph=true&id=parts', body, headers);
    };
    const data = new Uint8Array(Float32Array.of(3, 4).buffer);
    expectProblem(
      await sendParts({ 'model.onnx': outside }),
      'invalid-file',
      /'\/etc\/weights.bin', which is never opened/,
    );
    expectProblem(
      await sendParts({ 'model.onnx': outside, 'weights.bin': data, 'more.bin': data }),
      'invalid-file',
      /in 'more.bin'; 1 file of this body would be left out/,
    );
    expectProblem(
      await sendParts({ 'model.onnx': outside, 'weights.bin': data.slice(0, 4) }),
      'invalid-file',
      /is at 0 to 8 of '\/etc\/weights.bin', which has 4 bytes/,
    );
    const made = await sendParts({ 'model.onnx': outside, 'weights.bin': data });
    expect(made.status, made.text).toBe(201);
    const stepped = await call(served.app, 'POST', '/v1/cells/parts/steps', { inputs: [[1, 2]] });
    expect(stepped.body.output, stepped.text).toEqual([[4, 6]]);
    const { body } = await call(served.app, 'GET', '/v1/cells/parts/weights');
    expect(body.weights).toEqual({ w: [[3, 4]] });

    // In an attribute, and in the branches of an If.
    const constant = (out: string) =>
      node({
        op: 'Constant',
        out: [out],
        attributes: { value: { tensor: externalTensor('w', [1, 2], 'weights.bin') } },
      });
    const branch = (out: string) => ({ graph: graph({ nodes: [constant(out)], outputs: [edge(out, [1, 2])] }) });
    const nested = graph({
      inputs: [edge('x', [1, 2]), edge('s', [1, 2]), edge('which', [], 'bool')],
      nodes: [
        constant('c'),
        node({
          op: 'If',
          in: ['which'],
          out: ['d'],
          attributes: { then_branch: branch('a'), else_branch: branch('b') },
        }),
        node({ op: 'Sum', in: ['x', 'c', 'd'], out: ['y'] }),
        node({ op: 'Identity', in: ['s'], out: ['sN'] }),
      ],
      outputs: [edge('y', [1, 2]), edge('sN', [1, 2])],
    });
    expect((await call(served.app, 'DELETE', '/v1/cells/parts')).status).toBe(204);
    const again = await sendParts({ 'model.onnx': model(nested), 'weights.bin': data });
    expect(again.status, again.text).toBe(201);
    const summed = await call(served.app, 'POST', '/v1/cells/parts/steps', {
      named_inputs: { x: [[1, 2]], which: true },
    });
    expect(summed.body.output, summed.text).toEqual([[7, 10]]);
  });

  it('refuses custom operators, and files without a graph', async () => {
    const custom = model(withNode({ op: 'Evil', domain: 'my.ops', in: ['x'], out: ['y'] }), ['my.ops']);
    expectProblem(await send(served, custom, ''), 'invalid-file', /operator 'Evil' of the domain 'my.ops'/);
    const unknown = model(withNode({ op: 'Evil', in: ['x'], out: ['y'] }));
    expectProblem(await send(served, unknown, ''), 'invalid-file', /ONNX Runtime cannot load this graph/);
    for (const location of ['/etc/passwd', '../../data', 'weights.bin']) {
      const outside = model(
        withNode({ op: 'Add', in: ['x', 'w'], out: ['y'] }, [externalTensor('w', [1, 2], location)]),
      );
      expectProblem(await send(served, outside, ''), 'invalid-file', /is in another file.*never opened/);
      const inside = model(
        withNode({
          op: 'Constant',
          out: ['y'],
          attributes: { value: { tensor: externalTensor('w', [1, 2], location) } },
        }),
      );
      expectProblem(await send(served, inside, ''), 'invalid-file', /never opened/);
    }
    expectProblem(await send(served, Buffer.from('not a model'), ''), 'invalid-file');
    expectProblem(await send(served, accumulator().slice(0, 100), ''), 'invalid-file');
    const half = model(withNode({ op: 'Add', in: ['x', 'nothing'], out: ['y'] }));
    expectProblem(await send(served, half, ''), 'invalid-file');
    const text = await call(served.app, 'POST', '/v1/cells?graph=true', accumulator(), {
      'content-type': 'application/x-npz',
    });
    expectProblem(text, 'unsupported-media-type', /application\/x-onnx/);
  });
});

import { beforeEach, describe, expect, it } from 'vitest';
import type { startApp } from '../support/app.ts';
import { sharedApp } from '../support/serve.ts';

type App = Awaited<ReturnType<typeof startApp>>;
let app: App;
const served = sharedApp();
beforeEach(async () => {
  ({ app } = served);
});

async function post(url: string, payload: object) {
  const reply = await app.inject({ method: 'POST', url, payload });
  return { status: reply.statusCode, body: reply.json() };
}

const layer = (class_name: string, config: object = {}) => ({ class_name, config });
const input = (...shape: (number | null)[]) => layer('InputLayer', { batch_shape: shape });
const sequential = (...layers: object[]) => ({ id: 'net', class_name: 'Sequential', config: { layers } });
const ones = { kernel_initializer: 'ones', recurrent_initializer: 'ones' };

const tensor = (name: string) => ({ class_name: '__keras_tensor__', config: { keras_history: [name, 0, 0] } });
const node = (class_name: string, name: string, from: readonly string[], config: object = {}) => ({
  ...layer(class_name, config),
  name,
  inbound_nodes:
    from.length === 0 ? [] : [{ args: [from.length === 1 ? tensor(from[0]) : from.map(tensor)], kwargs: {} }],
});
const functional = (output: string, ...layers: object[]) => ({
  id: 'net',
  class_name: 'Functional',
  config: { layers, input_layers: ['in', 0, 0], output_layers: [output, 0, 0] },
});
const operator = (class_name: string, name: string, args: readonly unknown[], config: object = {}) => ({
  ...layer(class_name, { name, ...config }),
  ...{ module: 'keras.src.ops.numpy', name, inbound_nodes: [{ args, kwargs: {} }] },
});
/** A GRU that is given a mask. */
const masked = (name: string, from: string, mask: string) => ({
  ...layer('GRU', { units: 1 }),
  ...{ name, inbound_nodes: [{ args: [tensor(from)], kwargs: { mask: tensor(mask) } }] },
});
const STEPS = { axis: -1, keepdims: false };
type Refused = [string, object, number, string, RegExp];
const source = node('InputLayer', 'in', [], { batch_shape: [null, null, 2] });

describe('a network', () => {
  it('is built when it is made, and tells of its states, variables and output', async () => {
    const made = await post(
      '/v1/cells',
      sequential(
        input(null, null, 2),
        layer('Conv1D', { filters: 3, kernel_size: 3, padding: 'causal', name: 'conv' }),
        layer('LSTM', { units: 4, name: 'lstm', return_sequences: true }),
        layer('BatchNormalization', { name: 'norm' }),
      ),
    );
    expect(made.status).toBe(201);
    expect(made.body).toMatchObject({
      built: true,
      input_shape: [null, null, 2],
      state_names: ['conv.inputs', 'lstm.h', 'lstm.c'],
      state_shapes: [
        [null, 4],
        [null, 4],
        [null, 4],
      ],
      output_shape: [null, 4],
    });
    const named = made.body.variables.map(({ name, trainable }: { name: string; trainable: boolean }) => [
      name,
      trainable,
    ]);
    expect(named).toContainEqual(['norm.moving_mean', false]);
    expect(named).toContainEqual(['conv.kernel', true]);
  });

  it('prints the layers of a Functional in the order in which Keras keeps them', async () => {
    const made = await post(
      '/v1/cells',
      functional(
        'out',
        node('Dense', 'out', ['sum'], { units: 1 }),
        node('Add', 'sum', ['short', 'long'], {}),
        node('Dense', 'short', ['in'], { units: 2 }),
        node('Dense', 'long', ['first'], { units: 2 }),
        node('Dense', 'first', ['in'], { units: 3 }),
        source,
      ),
    );
    expect(made.status).toBe(201);
    const names = made.body.config.layers.map(({ name }: { name: string }) => name);
    expect(names).toEqual(['in', 'first', 'short', 'long', 'sum', 'out']);
  });

  it.each([
    ['each part of the gradient of an Embedding', null, 0.5],
    ['the whole gradient of one with a regularizer', { class_name: 'L2', config: { l2: 1 } }, 0.25],
  ])('is trained with clipvalue for %s', async (_, embeddings_regularizer, trained) => {
    const embedding = { input_dim: 1, output_dim: 1, embeddings_initializer: 'zeros', embeddings_regularizer };
    await post('/v1/cells', sequential(input(null, null), layer('Embedding', { ...embedding, name: 'e' })));
    // Two parts, of -1 each.
    const batch = { inputs: [[0, 0]], targets: [[[1], [1]]], loss: 'mse' };
    const optimizer = layer('SGD', { learning_rate: 1, clipvalue: 0.25 });
    expect((await post('/v1/cells/net/training_steps', { ...batch, optimizer })).status).toBe(200);
    const reply = await app.inject('/v1/cells/net/variables/e.embeddings');
    expect(reply.json().value).toEqual([[trained]]);
  });

  it('may end with a Functional within, whose call Keras counts from 1', async () => {
    const inner = functional(
      'd',
      node('InputLayer', 'in', [], { batch_shape: [null, null, 2] }),
      node('Dense', 'd', ['in'], { units: 1, kernel_initializer: 'ones' }),
    );
    const source = node('InputLayer', 'in', [], { batch_shape: [null, null, 2] });
    const outer = functional('inner', source, node('Functional', 'inner', ['in'], inner.config));
    const config = { ...outer.config, output_layers: ['inner', 1, 0] };
    const made = await post('/v1/cells', { ...outer, config });
    expect(made.status, made.body.detail).toBe(201);
    expect(made.body.config.output_layers).toEqual(['inner', 1, 0]);
    const { body } = await post('/v1/cells/net/steps', { inputs: [[2, 3]] });
    expect(body.output).toEqual([[5]]);
  });

  it('names its layers as Keras would where they have no names', async () => {
    const made = await post(
      '/v1/cells',
      sequential(input(null, null, 2), layer('Dense', { units: 3 }), layer('Dense', { units: 1 })),
    );
    expect(made.body.variables.map(({ name }: { name: string }) => name)).toEqual([
      'dense.kernel',
      'dense.bias',
      'dense_1.kernel',
      'dense_1.bias',
    ]);
  });

  it('takes the input shape of the request if its config has no shape', async () => {
    const body = sequential(layer('Dense', { units: 3 }));
    expect((await post('/v1/cells', { ...body, input_shape: [null, null, 5] })).status).toBe(201);
    expect(await post('/v1/cells', { ...body, id: 'other' })).toMatchObject({
      status: 422,
      body: { code: 'invalid-config' },
    });
  });

  it('may be made again from its own config', async () => {
    await post(
      '/v1/cells',
      sequential(input(null, null), layer('Embedding', { input_dim: 3, output_dim: 2 }), layer('GRU', { units: 2 })),
    );
    const config = (await app.inject('/v1/cells/net/config')).json();
    const again = await post('/v1/cells', { id: 'again', ...config });
    expect(again.status).toBe(201);
    expect(again.body.config).toEqual(config.config);
  });

  it('gives the output so far at each step, if its last recurrent layer gives one output', async () => {
    await post(
      '/v1/cells',
      sequential(input(null, null, 1), layer('SimpleRNN', { units: 1, activation: 'linear', ...ones })),
    );
    const whole = await post('/v1/cells/net/sequences', { inputs: [[[1], [2], [3]]] });
    expect(whole.body.output).toEqual([[6]]);
    const each = await post('/v1/cells/net/sequences', { inputs: [[[1], [2], [3]]], return_sequences: true });
    expect(each.body.output).toEqual([[[1], [3], [6]]]);
    await post('/v1/sessions', { id: 's', cell: 'net' });
    const stepped = await post('/v1/sessions/s/steps', { inputs: [[[1], [2], [3]]] });
    expect(stepped.body).toMatchObject({ output: [[[1], [3], [6]]], step: 3 });
  });

  it('holds its states at a step that its Embedding masks', async () => {
    await post(
      '/v1/cells',
      sequential(
        input(null, null),
        layer('Embedding', { input_dim: 3, output_dim: 1, mask_zero: true, embeddings_initializer: 'ones' }),
        layer('SimpleRNN', { units: 1, activation: 'linear', ...ones }),
      ),
    );
    await post('/v1/sessions', { id: 's', cell: 'net' });
    const outputs: number[] = [];
    for (const id of [0, 1, 0, 2])
      outputs.push((await post('/v1/sessions/s/steps', { inputs: [id] })).body.output[0][0]);
    expect(outputs).toEqual([0, 1, 1, 2]);
  });

  it('traces every layer by its name, and the gates of recurrent ones', async () => {
    await post(
      '/v1/cells',
      sequential(
        input(null, null, 1),
        layer('GRU', { units: 2, name: 'gru' }),
        layer('Dense', { units: 1, activation: 'sigmoid', name: 'head' }),
      ),
    );
    const { body } = await post('/v1/cells/net/sequences', { inputs: [[[1], [2]]], trace: true });
    expect(Object.keys(body.trace)).toEqual(['gru.z', 'gru.r', 'gru.hh', 'gru', 'head']);
    expect(body.trace.head.after).toEqual(body.output);
    expect(body.trace.head.before).not.toEqual(body.output);
    expect(body.trace['gru.z'].after[0]).toHaveLength(2);
  });

  it('forks, rewinds and comes back from a checkpoint with the same bits', async () => {
    await post(
      '/v1/cells',
      sequential(
        input(null, null, 2),
        layer('Conv1D', { filters: 3, kernel_size: 2, padding: 'causal' }),
        layer('LSTM', { units: 3 }),
        layer('Dense', { units: 2, activation: 'softmax' }),
      ),
    );
    await post('/v1/sessions', { id: 's', cell: 'net', history: 5 });
    const step = (session: string, x: number) => post(`/v1/sessions/${session}/steps`, { inputs: [[x, -x]] });
    await step('s', 1);
    await post('/v1/sessions/s/fork', { id: 'f' });
    await post('/v1/checkpoints', { id: 'c', cells: ['net'], sessions: ['s'] });
    const first = (await step('s', 2)).body.output;
    expect((await step('f', 2)).body.output).toEqual(first);
    await post('/v1/sessions/s/rewind', { to_step: 1 });
    expect((await step('s', 2)).body.output).toEqual(first);
    await post('/v1/checkpoints/c/restore', {});
    expect((await step('s', 2)).body.output).toEqual(first);
  });

  it('drops out in training mode alone, by its seed', async () => {
    await post('/v1/cells', sequential(input(null, null, 4), layer('Dropout', { rate: 0.5 })));
    const run = (more: object) =>
      post('/v1/cells/net/sequences', {
        inputs: [
          [
            [1, 1, 1, 1],
            [1, 1, 1, 1],
          ],
        ],
        ...more,
      });
    expect((await run({})).body.output).toEqual([
      [
        [1, 1, 1, 1],
        [1, 1, 1, 1],
      ],
    ]);
    expect((await run({ training: true })).status).toBe(400);
    const dropped = (await run({ training: true, seed: 3 })).body.output.flat(2);
    expect(dropped).toContain(0);
    expect(dropped).toContain(2);
    expect((await run({ training: true, seed: 3 })).body.output.flat(2)).toEqual(dropped);
  });
});

describe('a network is refused', () => {
  it.each<[string, object, number, string, RegExp]>([
    [
      'with a layer that is not known',
      sequential(input(null, null, 2), layer('Attention', { name: 'look' })),
      422,
      'unsupported-layer',
      /"look".*Attention.*Known classes: .*Dense/,
    ],
    [
      'with two layers of one name',
      sequential(
        input(null, null, 2),
        layer('Dense', { units: 1, name: 'a' }),
        layer('Dense', { units: 1, name: 'a' }),
      ),
      422,
      'invalid-config',
      /named "a"/,
    ],
    [
      'with a recurrent layer over what is no sequence',
      sequential(input(null, null, 2), layer('GRU', { units: 1 }), layer('GRU', { units: 1 })),
      422,
      'wrong-shape',
      /no time axis/,
    ],
    [
      'with return_state',
      sequential(input(null, null, 2), layer('GRU', { units: 1, return_state: true })),
      422,
      'unsupported-layer',
      /return_state/,
    ],
    [
      'whose layers wait for each other',
      functional('b', source, node('Add', 'a', ['in', 'b']), node('Dense', 'b', ['a'], { units: 2 })),
      422,
      'unsupported-network',
      /cycle/,
    ],
    [
      'whose class and name have no text',
      functional('a', source, { class_name: { toString: 1 }, name: { toString: 1 }, config: {}, inbound_nodes: [] }),
      400,
      'invalid-request',
      /"toString":1/,
    ],
    [
      'with several outputs',
      {
        ...functional('a', source, node('Dense', 'a', ['in'], { units: 2 })),
        config: {
          layers: [source],
          input_layers: ['in', 0, 0],
          output_layers: [
            ['in', 0, 0],
            ['in', 0, 0],
          ],
        },
      },
      422,
      'unsupported-network',
      /several outputs/,
    ],
    [
      'that uses a layer twice',
      functional('a', source, {
        ...node('Dense', 'a', ['in'], { units: 2 }),
        inbound_nodes: [{ args: [tensor('in')] }, { args: [tensor('a')] }],
      }),
      422,
      'unsupported-network',
      /used 2 times/,
    ],
    [
      'with a layer that leads nowhere',
      functional('a', source, node('Dense', 'a', ['in'], { units: 2 }), node('Dense', 'b', ['in'], { units: 2 })),
      422,
      'unsupported-network',
      /'b' does not lead/,
    ],
    [
      'whose inputs do not fit together',
      functional('a', source, node('Dense', 'd', ['in'], { units: 3 }), node('Add', 'a', ['in', 'd'])),
      422,
      'wrong-shape',
      /\[null,null,2\] and \[null,null,3\]/,
    ],
    [
      'with a Flatten of any number of steps',
      sequential(input(null, null, 2), layer('Flatten')),
      422,
      'wrong-shape',
      /fixed number of steps/,
    ],
    [
      'that takes a mask for a number',
      functional('a', source, operator('NotEqual', 'ne', [tensor('in'), 0]), node('Dense', 'a', ['ne'], { units: 2 })),
      422,
      'unsupported-network',
      /'a' takes the output of 'ne' as its input/,
    ],
    [
      'with an operator that makes no mask of a layer',
      functional('a', source, operator('NotEqual', 'ne', [tensor('in'), 0]), node('Dense', 'a', ['in'], { units: 2 })),
      422,
      'unsupported-network',
      /'ne' computes no mask of a layer/,
    ],
    ...[
      [
        'of another value',
        operator('NotEqual', 'ne', [tensor('in'), 1]),
        operator('Any', 'any', [tensor('ne')], STEPS),
      ],
      [
        'of features',
        operator('NotEqual', 'ne', [tensor('in'), 0]),
        operator('Any', 'any', [tensor('ne')], { axis: 1 }),
      ],
      ['in a circle', operator('NotEqual', 'ne', [tensor('any'), 0]), operator('Any', 'any', [tensor('ne')], STEPS)],
      [
        'of hundreds of operators',
        ...Array.from({ length: 800 }, (_, k) => {
          return operator('LogicalOr', k === 0 ? 'any' : `or${k}`, [tensor(`or${k + 1}`), tensor(`or${k + 1}`)]);
        }),
        operator('NotEqual', 'or800', [tensor('in'), 0]),
      ],
      ['of nothing', operator('NotEqual', 'ne', [tensor('in'), 0]), operator('Any', 'any', [])],
    ].map(
      ([of, ...operators]): Refused => [
        `with a mask ${of}`,
        functional('g', source, node('Masking', 'm', ['in']), ...(operators as object[]), masked('g', 'm', 'any')),
        422,
        'unsupported-network',
        /'g' gets 'any' as its mask, which is not the mask of its input/,
      ],
    ),
    ['without layers', sequential(), 422, 'invalid-config', /input shape/],
  ])('%s', async (_, body, status, code, detail) => {
    const reply = await post('/v1/cells', body);
    expect([reply.status, reply.body.code]).toEqual([status, code]);
    expect(reply.body.detail).toMatch(detail);
  });
});

describe('inputs of a network are refused', () => {
  it('where a token id is out of range, naming it', async () => {
    await post('/v1/cells', sequential(input(null, null), layer('Embedding', { input_dim: 3, output_dim: 2 })));
    for (const [id, named] of [
      [3, 'Token id 3 is out of range'],
      [-1, 'Token id -1 is out of range'],
      [0.5, 'Token id 0.5 is not a whole number'],
    ] as const) {
      const reply = await post('/v1/cells/net/sequences', { inputs: [[0, id]] });
      expect(reply).toMatchObject({ status: 422, body: { code: 'invalid-value' } });
      expect(reply.body.detail).toContain(named);
    }
  });

  it('where they have the wrong rank or features', async () => {
    await post('/v1/cells', sequential(input(null, null, 2), layer('Dense', { units: 1 })));
    expect((await post('/v1/cells/net/steps', { inputs: [[[1, 2]]] })).body).toMatchObject({ code: 'wrong-shape' });
    expect((await post('/v1/cells/net/sequences', { inputs: [[[1, 2, 3]]] })).body.detail).toContain(
      '[2] after the batch',
    );
  });

  it('where a network of fixed length gets another one', async () => {
    await post('/v1/cells', sequential(input(null, 3, 2), layer('Flatten'), layer('Dense', { units: 1 })));
    const reply = await post('/v1/cells/net/sequences', { inputs: [[[1, 2]]] });
    expect(reply).toMatchObject({ status: 422, body: { code: 'wrong-shape' } });
    expect(reply.body.detail).toContain('takes sequences of 3');
    expect((await post('/v1/cells/net/steps', { inputs: [[1, 2]] })).body).toMatchObject({ code: 'no-single-step' });
    expect((await post('/v1/sessions', { cell: 'net' })).body.detail).toContain("'flatten' (Flatten)");
  });

  it('where too few steps are there for a window', async () => {
    await post('/v1/cells', sequential(input(null, null, 1), layer('Conv1D', { filters: 1, kernel_size: 4 })));
    expect((await post('/v1/cells/net/sequences', { inputs: [[[1]]] })).body).toMatchObject({
      code: 'wrong-shape',
      status: 422,
    });
  });
});
